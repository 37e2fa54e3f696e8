-- SPDX-License-Identifier: GPL-3.0-or-later
-- Workers of one kind that have a slot and room, from a place on. Their number is limited, so
-- that it does not matter how many there are.
SELECT worker.id, worker.worker_type FROM db_worker AS worker
JOIN db_token AS token ON token.id = worker.token_id
WHERE worker.capability_key = %s AND worker.connected_at IS NOT NULL
  AND worker.drained_at IS NULL AND token.enabled AND worker.id >= %s
  AND worker.concurrency > (
    SELECT COUNT(*) FROM db_attempt WHERE worker_id = worker.id AND ended_at IS NULL)
  AND (worker.memory_mib IS NULL OR worker.memory_mib >= %s + (
    SELECT COALESCE(SUM(memory_mib), 0) FROM db_attempt
    WHERE worker_id = worker.id AND ended_at IS NULL))
  AND (worker.disk_mib IS NULL OR worker.disk_mib >= %s + (
    SELECT COALESCE(SUM(disk_mib), 0) FROM db_attempt
    WHERE worker_id = worker.id AND ended_at IS NULL))
  AND (worker.cpu_count IS NULL OR worker.cpu_count >= %s + (
    SELECT COALESCE(SUM(cpu_count), 0) FROM db_attempt
    WHERE worker_id = worker.id AND ended_at IS NULL))
ORDER BY worker.id LIMIT %s
