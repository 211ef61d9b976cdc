"""Deterministic data of the sample system: years of readings, people, a folder of pictures."""

import hashlib
from pathlib import Path
from typing import Any

import psycopg
from psycopg import conninfo, sql

ROWS_PER_MEGABYTE = 4600  # Rows of `reading` including its index, measured.
FILES_PER_FOLDER = 100
SCHEMA = """
CREATE TABLE station (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL UNIQUE, river text NOT NULL,
    warning_mm int NOT NULL, place point);
CREATE TABLE person (
    id serial PRIMARY KEY, name text NOT NULL, phone text, duty jsonb NOT NULL DEFAULT '{}', photo bytea,
    since timestamptz NOT NULL);
CREATE TABLE reading (
    id bigserial PRIMARY KEY, station int NOT NULL REFERENCES station, at timestamptz NOT NULL,
    level_mm int NOT NULL, flow numeric(10, 3) NOT NULL, quality real, note text);
CREATE TABLE report (
    id bigserial PRIMARY KEY, client text NOT NULL, number bigint NOT NULL,
    station int NOT NULL REFERENCES station, level_mm int NOT NULL, body jsonb NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(), UNIQUE (client, number));
CREATE TABLE picture (
    id bigserial PRIMARY KEY, client text NOT NULL, number bigint NOT NULL, path text NOT NULL,
    sha256 text NOT NULL, at timestamptz NOT NULL DEFAULT clock_timestamp(), UNIQUE (client, number));
CREATE VIEW latest_report AS SELECT DISTINCT ON (station) * FROM report ORDER BY station, at DESC;
"""
DATA = """
INSERT INTO station (name, river, warning_mm, place)
    SELECT '测站-' || i, '河' || i % 7, 1500 + i, point(114.9 + i / 100.0, 27.8)
    FROM generate_series(1, 60) AS i;
INSERT INTO person (name, phone, duty, photo, since)
    SELECT '值班员-' || i, '0790-' || i, jsonb_build_object('班次', i % 3, 'n', i), sha256(i::text::bytea),
        timestamptz '2012-01-01 08:00+08' + i * interval '1 day' FROM generate_series(1, 500) AS i;
INSERT INTO reading (station, at, level_mm, flow, quality, note)
    SELECT 1 + i % 60, timestamptz '2014-01-01 00:00+08' + i * interval '5 minutes', i % 4000,
        (i % 99991) / 7.0, i / 3.0, CASE WHEN i % 3 = 0 THEN repeat(md5(i::text), 6) ELSE md5(i::text) END
    FROM generate_series(1, {rows}) AS i;
"""


def seed(admin: str, database: str, owner: str, uploads: Path, size: dict[str, Any]) -> bool:
    """Create database and folder if missing. Returns True if the database was created."""
    if not uploads.exists():
        write_files(uploads, size["files"], size["file_bytes"])
    with psycopg.connect(admin, autocommit=True) as connection:
        if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database]).fetchone():
            return False
        make = sql.SQL("CREATE DATABASE {} OWNER {}")
        connection.execute(make.format(sql.Identifier(database), sql.Identifier(owner)))
    with psycopg.connect(conninfo.make_conninfo(admin, dbname=database)) as connection:
        connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(owner)))
        connection.execute(SCHEMA)
        rows = max(60, size["megabytes"] * ROWS_PER_MEGABYTE)
        connection.execute(sql.SQL(DATA).format(rows=sql.Literal(rows)))
    with psycopg.connect(conninfo.make_conninfo(admin, dbname=database), autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")
    return True


def write_files(folder: Path, count: int, size: int) -> None:
    """Write `count` files of about `size` bytes, a hundred per folder; content depends on the number."""
    draft = folder.with_name(f".{folder.name}.draft")
    for number in range(count):
        path = draft / f"{number // FILES_PER_FOLDER:04d}" / f"{number:06d}.bin"
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        length = size // 2 + number * 7919 % max(1, size)
        block = hashlib.sha256(str(number).encode()).digest() * 64
        path.write_bytes((block * (length // len(block) + 1))[:length])
    draft.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft.rename(folder)
