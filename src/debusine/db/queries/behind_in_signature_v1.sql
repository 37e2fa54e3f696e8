-- SPDX-License-Identifier: GPL-3.0-or-later
-- What waits behind a request of the same signature; the status is a literal, as the partial
-- index wants it.
SELECT id FROM db_workrequest
WHERE status = 'pending' AND signature_id = %s AND "order" >= %s AND id != %s
ORDER BY "order", id LIMIT %s
