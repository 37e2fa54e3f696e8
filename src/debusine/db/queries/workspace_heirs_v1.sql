-- SPDX-License-Identifier: GPL-3.0-or-later
-- A workspace, and all that inherit from it; loops end as each is reached once.
WITH RECURSIVE heirs(id) AS (
    SELECT CAST(%s AS bigint)
    UNION
    SELECT chain.child_id
    FROM db_workspacechain chain
    JOIN heirs ON chain.parent_id = heirs.id
)
SELECT id FROM heirs
