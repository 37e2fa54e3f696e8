-- SPDX-License-Identifier: GPL-3.0-or-later
-- Let what a user or a workspace has had fade until now, and add to it. In one statement, as
-- several servers charge at once. Too many halves would be too small for a number.
UPDATE db_share
SET used_s = used_s * POWER(0.5, CASE
        WHEN %(now_s)s <= updated_s THEN 0.0
        WHEN %(now_s)s - updated_s > 200.0 * %(half_life_s)s THEN 200.0
        ELSE (%(now_s)s - updated_s) / %(half_life_s)s
    END) + %(cost_s)s,
    updated_s = CASE WHEN %(now_s)s > updated_s THEN %(now_s)s ELSE updated_s END
WHERE user_id = %(user)s OR workspace_id = %(workspace)s
