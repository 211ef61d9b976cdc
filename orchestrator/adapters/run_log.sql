-- Chunks of the logs of runs.

-- name: last_chunk
SELECT seq, first_line, text FROM run_log_chunks WHERE run_id = :run ORDER BY seq DESC LIMIT 1

-- name: store_chunk
-- Readers are notified of a chunk only if it was not stored before.
WITH stored AS (
    INSERT INTO run_log_chunks (run_id, seq, first_line, text, at)
    VALUES (:run, :seq, :first, :text, now()) ON CONFLICT DO NOTHING RETURNING seq)
SELECT pg_notify(:channel, :payload) FROM stored

-- name: chunks_from
-- The chunk that has the line, and those after it.
SELECT first_line, text FROM run_log_chunks
WHERE run_id = :run AND seq >= COALESCE((
    SELECT seq FROM run_log_chunks
    WHERE run_id = :run AND first_line <= :line ORDER BY seq DESC LIMIT 1), 0)
ORDER BY seq LIMIT :limit
