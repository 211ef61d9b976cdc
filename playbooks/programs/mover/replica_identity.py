"""Tables without a usable replica identity: UPDATE and DELETE fail as soon as such a table is published."""

from database import Connection

# The server's own conditions: an index is a replica identity only while it is live, valid and unique, and
# neither deferrable nor partial. Generated columns are not replicated, so no identity may contain one.
TABLES_WITHOUT = """
SELECT n.nspname || '.' || c.relname, CASE
    WHEN c.relreplident = 'n' THEN 'replica_identity_nothing'
    WHEN c.relreplident = 'f' OR i.indexrelid IS NOT NULL THEN 'replica_identity_generated'
    WHEN c.relreplident = 'i' THEN 'replica_identity_index'
    WHEN EXISTS (SELECT FROM pg_index p WHERE p.indrelid = c.oid AND p.indisprimary AND NOT p.indimmediate)
        THEN 'replica_identity_deferrable'
    ELSE 'no_replica_identity' END
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indislive AND i.indisvalid AND i.indisunique
        AND i.indimmediate AND i.indpred IS NULL
        AND CASE c.relreplident WHEN 'd' THEN i.indisprimary WHEN 'i' THEN i.indisreplident ELSE false END
WHERE c.relkind = 'r' AND c.relpersistence = 'p' AND pg_relation_is_publishable(c.oid)
    AND (c.relreplident <> 'f' AND i.indexrelid IS NULL OR EXISTS (
        SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND NOT a.attisdropped AND a.attgenerated <> ''
            AND (c.relreplident = 'f' OR a.attnum = ANY (i.indkey))))
ORDER BY 1
"""


def tables_without(connection: Connection) -> list[tuple[str, str]]:
    """Return table and finding code of each such table, ordered by table."""
    return [(row[0], row[1]) for row in connection.execute(TABLES_WITHOUT)]
