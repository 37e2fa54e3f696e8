-- SPDX-License-Identifier: GPL-3.0-or-later
-- The next pending request of one signature. Several are joined with UNION ALL: an IN list
-- with ORDER BY would scan. The status is a literal, as the partial index wants it.
SELECT * FROM (
    SELECT id, "order" AS place, signature_id, pending_at FROM db_workrequest
    WHERE status = 'pending' AND signature_id = %s
    ORDER BY "order", id LIMIT 1
) AS head
