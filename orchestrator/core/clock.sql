-- The product's time, as an SQL expression.

-- name: product_now
now() + make_interval(secs => coalesce((SELECT seconds FROM clock_shift), 0))
