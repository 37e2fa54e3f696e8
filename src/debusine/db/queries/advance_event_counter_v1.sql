-- SPDX-License-Identifier: GPL-3.0-or-later
-- Say that so many more positions were given; parameter: how many.
UPDATE db_eventcounter SET last = last + %s WHERE id = 1
