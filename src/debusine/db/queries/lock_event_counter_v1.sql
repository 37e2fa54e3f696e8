-- SPDX-License-Identifier: GPL-3.0-or-later
-- Wait for the one counter of events, hold it until the transaction ends, and say which position
-- was given last. Writing what is there locks the row in every database.
UPDATE db_eventcounter SET last = last WHERE id = 1 RETURNING last
