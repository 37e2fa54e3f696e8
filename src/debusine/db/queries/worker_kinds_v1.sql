-- SPDX-License-Identifier: GPL-3.0-or-later
-- Which kinds of workers are connected: one row for all that can do the same.
SELECT capability_key, MIN(id), MAX(id) FROM db_worker
WHERE connected_at IS NOT NULL GROUP BY capability_key
