-- SPDX-License-Identifier: GPL-3.0-or-later
-- Keys, and who used them; what is in the audit log stays there.
CREATE TABLE signing_key (
    id INTEGER PRIMARY KEY,
    purpose TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    description TEXT,
    private_key TEXT NOT NULL,
    public_key BLOB NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    UNIQUE (purpose, fingerprint)
);
CREATE TABLE audit_log (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    event TEXT NOT NULL CHECK (event IN ('generate', 'register', 'sign')),
    purpose TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    work_request_id INTEGER,
    data TEXT NOT NULL,
    created_at TEXT NOT NULL
);
CREATE INDEX audit_log_key ON audit_log (fingerprint, id);
CREATE TRIGGER audit_log_no_update BEFORE UPDATE ON audit_log
BEGIN
    SELECT RAISE(ABORT, 'the audit log only grows');
END;
CREATE TRIGGER audit_log_no_delete BEFORE DELETE ON audit_log
BEGIN
    SELECT RAISE(ABORT, 'the audit log only grows');
END;
