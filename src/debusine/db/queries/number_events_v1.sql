-- SPDX-License-Identifier: GPL-3.0-or-later
-- Give events that have been committed the positions after a given one, in the order of their
-- ids; parameters: the last position that was given, and how many events at most.
UPDATE db_event SET position = numbered.position
FROM (
    SELECT id, CAST(%s AS bigint) + row_number() OVER (ORDER BY id) AS position
    FROM (SELECT id FROM db_event WHERE position IS NULL ORDER BY id LIMIT %s) AS new
) AS numbered
WHERE db_event.id = numbered.id
RETURNING db_event.workspace_id
