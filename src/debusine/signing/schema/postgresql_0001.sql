-- SPDX-License-Identifier: GPL-3.0-or-later
-- Keys, and who used them; what is in the audit log stays there.
CREATE TABLE signing_key (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    purpose TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    description TEXT,
    private_key TEXT NOT NULL,
    public_key BYTEA NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    UNIQUE (purpose, fingerprint)
);
CREATE TABLE audit_log (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event TEXT NOT NULL CHECK (event IN ('generate', 'register', 'sign')),
    purpose TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    work_request_id BIGINT,
    data TEXT NOT NULL,
    created_at TEXT NOT NULL
);
CREATE INDEX audit_log_key ON audit_log (fingerprint, id);
CREATE FUNCTION audit_log_only_grows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log only grows';
END
$$;
CREATE TRIGGER audit_log_no_change BEFORE UPDATE OR DELETE ON audit_log
    FOR EACH ROW EXECUTE FUNCTION audit_log_only_grows();
CREATE TRIGGER audit_log_no_truncate BEFORE TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION audit_log_only_grows();
