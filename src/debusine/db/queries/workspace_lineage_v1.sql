-- SPDX-License-Identifier: GPL-3.0-or-later
-- A workspace, and all that it inherits from; loops end as each is reached once.
WITH RECURSIVE reached(id) AS (
    SELECT CAST(%s AS bigint)
    UNION
    SELECT chain.parent_id
    FROM db_workspacechain chain
    JOIN reached ON chain.child_id = reached.id
)
SELECT id FROM reached
