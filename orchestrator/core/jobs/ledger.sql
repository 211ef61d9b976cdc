-- The bookkeeping of jobs that differs from the library's.

-- name: beat
INSERT INTO procrastinate_workers (id, last_heartbeat) OVERRIDING SYSTEM VALUE VALUES (:worker_id, now())
ON CONFLICT (id) DO UPDATE SET last_heartbeat = now()

-- name: end_attempt
-- The next job of the same lock can start now, so the listening workers are notified. An abort request ends
-- with the attempt: the next attempt reads the request from the business object.
WITH ended AS (
    UPDATE procrastinate_jobs
    SET status = :status::procrastinate_job_status, abort_requested = false, attempts = attempts + 1,
        priority = CASE WHEN :status::procrastinate_job_status = 'todo'
                   THEN GREATEST(priority, 1000) ELSE priority END,
        scheduled_at = COALESCE(:retry_at, scheduled_at)
    WHERE id = :job_id AND status = 'doing' AND worker_id = :worker_id AND attempts = :attempts
    RETURNING id, queue_name)
SELECT pg_notify('procrastinate_queue_v1#' || queue_name,
                 json_build_object('type', 'job_inserted', 'job_id', id)::text) FROM ended

-- name: rescue
-- The queueing lock is removed, because another waiting job may hold it by now. Interrupted jobs go first, so
-- that no other job meets a business object whose run was interrupted.
UPDATE procrastinate_jobs
SET status = 'todo', abort_requested = false, attempts = attempts + 1,
    priority = GREATEST(priority, 1000), scheduled_at = NULL, queueing_lock = NULL
WHERE id IN (
    SELECT job.id FROM procrastinate_jobs job
    WHERE job.status = 'doing' AND NOT EXISTS (
        SELECT 1 FROM procrastinate_workers worker
        WHERE worker.id = job.worker_id
        AND worker.last_heartbeat > now() - make_interval(secs => :stalled_seconds))
    FOR UPDATE SKIP LOCKED)
RETURNING id, task_name

-- name: give_back
UPDATE procrastinate_jobs
SET status = 'todo', abort_requested = false, attempts = attempts + 1,
    priority = GREATEST(priority, 1000), scheduled_at = NULL, queueing_lock = NULL
WHERE id = ANY(:ids) AND status = 'doing' AND worker_id = :worker_id
RETURNING id

-- name: mine
SELECT id, abort_requested FROM procrastinate_jobs WHERE status = 'doing' AND worker_id = :worker_id
