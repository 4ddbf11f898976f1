"""Heat, API and engine in one process, on SQLite and without a broker.

heat_process.py schema FILE      makes an empty database
heat_process.py serve CONFIG     serves
"""
import sys

from with_parent import end_with_parent


def make_schema(path):
    import sqlite3

    from heat.common import config  # noqa: F401  (registers what a configuration needs)
    from heat.db.sqlalchemy import api
    from oslo_config import cfg

    cfg.CONF([], project="heat", default_config_files=[])
    cfg.CONF.set_override("connection", f"sqlite:///{path}", group="database")
    api.db_sync(api.get_engine())
    # API and engine read while the other writes.
    sqlite3.connect(path).execute("PRAGMA journal_mode=WAL")


def serve(config):
    sys.argv[1:] = ["--config-file", config]
    from heat.cmd.all import main
    from heat.engine.resource import Resource

    # Two who read a stack while it changes remove the rows in which Heat caches attributes from under each other, and
    # the stack cannot be shown any more ("ResourcePropertiesData with id 8 not found"). SQLite lets that happen. The
    # cache only saves time, so there is none.
    Resource.store_attributes = lambda self: None
    main()


if __name__ == "__main__":
    end_with_parent()
    if sys.argv[1] == "schema":
        make_schema(sys.argv[2])
    else:
        serve(sys.argv[2])
