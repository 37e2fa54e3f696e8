-- SPDX-License-Identifier: GPL-3.0-or-later
-- Changes whenever there is a new signature; asked at each look at the queue.
SELECT COUNT(*), COALESCE(MAX(id), 0) FROM db_signature
