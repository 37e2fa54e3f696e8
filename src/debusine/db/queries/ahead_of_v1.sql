-- SPDX-License-Identifier: GPL-3.0-or-later
-- How many pending requests of one signature come before a place in the queue, at most so
-- many. Several are joined with UNION ALL. The status is a literal, as the partial index
-- wants it.
SELECT COUNT(*) AS ahead FROM (
    SELECT 1 FROM db_workrequest
    WHERE status = 'pending' AND signature_id = %s AND ("order", id) < (%s, %s)
    LIMIT 1001
) AS part
