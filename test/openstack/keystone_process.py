"""Keystone in one process, on SQLite.

keystone_process.py schema FILE                            makes an empty database
keystone_process.py serve CONFIG SEED ADDRESS PORT         makes what is missing of SEED (JSON), then serves
"""
import json
import socketserver
import sqlite3
import sys
import threading
import uuid
from wsgiref import simple_server

from with_parent import end_with_parent

DOMAIN = "default"
ROLES = ("admin", "member", "reader", "service", "heat_stack_user")
INTERFACES = ("public", "internal", "admin")


def make_schema(path):
    from keystone.cmd import cli  # noqa: F401  (registers what a configuration needs)
    import keystone.conf
    from keystone.common import sql
    from keystone.common.sql import upgrades

    keystone.conf.configure()
    sql.initialize()
    keystone.conf.CONF([], project="keystone", default_config_files=[])
    keystone.conf.CONF.set_override("connection", f"sqlite:///{path}", group="database")
    upgrades.offline_sync_database_to_version()
    # A request of Keystone reads and writes through two connections; without this the one locks the other out.
    sqlite3.connect(path).execute("PRAGMA journal_mode=WAL")


class Seed:
    """What is there before anybody signs in. Made through Keystone's own managers, so that projects have given ids."""

    def __init__(self, wanted):
        from keystone.common import provider_api

        self.wanted = wanted
        self.apis = provider_api.ProviderAPIs

    def plant(self):
        wanted = self.wanted
        self.domain(DOMAIN, "Default")
        roles = {role["name"]: role["id"] for role in self.apis.role_api.list_roles()}
        for name in ROLES:
            if name not in roles:
                roles[name] = self.role(name)
        for project in wanted["projects"]:
            self.project(project)
        for user in wanted["users"]:
            user_id = self.user(user["name"], user["password"], DOMAIN)
            project = next(one["id"] for one in wanted["projects"] if one["name"] == user["project"])
            for role in user["roles"]:
                self.apis.assignment_api.create_grant(roles[role], user_id=user_id, project_id=project)
        stacks = wanted["stackDomain"]
        self.domain(stacks["id"], stacks["name"])
        keeper = self.user(stacks["user"], stacks["password"], stacks["id"])
        self.apis.assignment_api.create_grant(roles["admin"], user_id=keeper, domain_id=stacks["id"])
        for region in wanted["regions"]:
            self.catalog(region["name"], region["catalog"])

    def role(self, name):
        role_id = uuid.uuid4().hex
        return self.apis.role_api.create_role(role_id, {"id": role_id, "name": name})["id"]

    def domain(self, domain_id, name):
        if not any(one["id"] == domain_id for one in self.apis.resource_api.list_domains()):
            self.apis.resource_api.create_domain(domain_id, {"id": domain_id, "name": name, "enabled": True})

    def project(self, wanted):
        if any(one["id"] == wanted["id"] for one in self.apis.resource_api.list_projects()):
            return
        project = {"id": wanted["id"], "name": wanted["name"], "domain_id": DOMAIN, "enabled": True, "description": ""}
        self.apis.resource_api.create_project(wanted["id"], project)

    def user(self, name, password, domain_id):
        from keystone import exception

        try:
            return self.apis.identity_api.get_user_by_name(name, domain_id)["id"]
        except exception.UserNotFound:
            user = {"name": name, "password": password, "domain_id": domain_id, "enabled": True}
            return self.apis.identity_api.create_user(user)["id"]

    def catalog(self, region, entries):
        api = self.apis.catalog_api
        if not any(one["id"] == region for one in api.list_regions()):
            api.create_region({"id": region, "description": ""})
        services = {service["type"]: service["id"] for service in api.list_services()}
        ours = [one for one in api.list_endpoints() if one["region_id"] == region]
        endpoints = {(one["service_id"], one["interface"]): one for one in ours}
        for entry in entries:
            service_id = services.get(entry["type"]) or uuid.uuid4().hex
            if entry["type"] not in services:
                service = {"id": service_id, "type": entry["type"], "name": entry["name"], "enabled": True}
                api.create_service(service_id, service)
            for interface in INTERFACES:
                known = endpoints.get((service_id, interface))
                wanted = {"service_id": service_id, "interface": interface, "region_id": region, "url": entry["url"]}
                if known is None:
                    endpoint_id = uuid.uuid4().hex
                    api.create_endpoint(endpoint_id, {"id": endpoint_id, "enabled": True, **wanted})
                elif known["url"] != entry["url"]:
                    api.update_endpoint(known["id"], wanted)


class Server(socketserver.ThreadingMixIn, simple_server.WSGIServer):
    daemon_threads = True
    request_queue_size = 128

    def server_bind(self):
        # Without asking a name server who we are.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]
        self.setup_environ()


class Handler(simple_server.WSGIRequestHandler):
    def address_string(self):
        return self.client_address[0]

    def log_message(self, *_):
        pass


def serve(config, seed, address, port):
    sys.argv[1:] = ["--config-file", config]
    from keystone.server.wsgi import initialize_public_application

    application = initialize_public_application()
    with open(seed, encoding="utf8") as file:
        Seed(json.load(file)).plant()
    # One request at a time: SQLite refuses a reader that becomes a writer while another writes.
    lock = threading.Lock()

    def in_turn(environ, start_response):
        with lock:
            answer = application(environ, start_response)
            try:
                return [b"".join(answer)]
            finally:
                getattr(answer, "close", lambda: None)()

    server = Server((address, port), Handler)
    server.set_app(in_turn)
    server.serve_forever()


if __name__ == "__main__":
    end_with_parent()
    if sys.argv[1] == "schema":
        make_schema(sys.argv[2])
    else:
        serve(sys.argv[2], sys.argv[3], sys.argv[4], int(sys.argv[5]))
