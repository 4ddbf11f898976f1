"""Makes a cluster over gRPC, watches it until it is there, and deletes it again.

ARGOSY_GRPC is a peer's address, such as 127.1.0.2:8794, and OS_TOKEN a Keystone token of a project. The modules imported
below are made of proto/; docs/grpc.md says how.
"""

import os
import sys

import grpc
from argosy.v2 import clusters_pb2, clusters_pb2_grpc, events_pb2, events_pb2_grpc
from google.rpc import error_details_pb2, status_pb2

ADDRESS = os.environ["ARGOSY_GRPC"]
TOKEN = [("x-auth-token", os.environ["OS_TOKEN"])]
NAME = sys.argv[1] if len(sys.argv) > 1 else "orders"
SECONDS = 180


def explain(error):
    """What an error says beside its code: the stable reason, and the fields at fault."""
    status = status_pb2.Status.FromString(dict(error.trailing_metadata())["grpc-status-details-bin"])
    info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    for detail in status.details:
        detail.Unpack(info) or detail.Unpack(bad)
    fields = [violation.field for violation in bad.field_violations]
    return f"{error.code().name} {info.reason} {fields}: {error.details()}"


def wait_for(events, clusters, name, after, is_done):
    """Watches a cluster until it is as wished. A watch that ends goes on after the last event that was seen."""
    while True:
        try:
            request = events_pb2.WatchRequest(cluster=name, after=after)
            for answer in events.Watch(request, metadata=TOKEN, timeout=SECONDS):
                after = answer.last_event_id
                if answer.HasField("event"):
                    print(f"  {answer.event.id} {answer.event.kind} {answer.event.message}", flush=True)
                if is_done(clusters.GetCluster(clusters_pb2.GetClusterRequest(id=name), metadata=TOKEN).cluster):
                    return after
        except grpc.RpcError as error:
            if error.code() != grpc.StatusCode.UNAVAILABLE:
                raise


def main():
    with grpc.insecure_channel(ADDRESS) as channel:
        clusters = clusters_pb2_grpc.ClusterServiceStub(channel)
        events = events_pb2_grpc.EventServiceStub(channel)

        listed = clusters.ListClusters(clusters_pb2.ListClustersRequest(limit=100), metadata=TOKEN)
        print("clusters:", sorted(cluster.name for cluster in listed.clusters))

        cluster = clusters_pb2.NewCluster(
            name=NAME,
            datastore=clusters_pb2.Datastore(type="postgresql"),
            topology=clusters_pb2.Topology(voters=3),
            placement=clusters_pb2.Placement(survive=clusters_pb2.SURVIVE_REGION),
        )
        wish = clusters_pb2.CreateClusterRequest(cluster=cluster, dry_run=True)
        plan = clusters.CreateCluster(wish, metadata=TOKEN).plan
        print("plan:", len(plan.steps), "steps in", sorted({member.region for member in plan.placement.members}))

        wish = clusters_pb2.CreateClusterRequest(cluster=cluster, plan_hash=plan.plan_hash)
        created = clusters.CreateCluster(wish, metadata=TOKEN)
        print("created:", clusters_pb2.ClusterStatus.Name(created.cluster.status), created.credentials.username)

        wait_for(events, clusters, created.cluster.id, "0", lambda each: each.status == clusters_pb2.CLUSTER_STATUS_ACTIVE)
        shown = clusters.GetCluster(clusters_pb2.GetClusterRequest(id=NAME), metadata=TOKEN)
        print("active:", shown.cluster.endpoints.read_write)

        for refused in (
            lambda: clusters.CreateCluster(clusters_pb2.CreateClusterRequest(cluster=cluster), metadata=TOKEN),
            lambda: clusters.ListClusters(clusters_pb2.ListClustersRequest(limit=0), metadata=TOKEN),
            lambda: clusters.GetCluster(clusters_pb2.GetClusterRequest(id="nobody"), metadata=TOKEN),
        ):
            try:
                refused()
            except grpc.RpcError as error:
                print("refused:", explain(error))

        request = clusters_pb2.DeleteClusterRequest(id=NAME, if_match=shown.etag)
        deleted = clusters.DeleteCluster(request, metadata=TOKEN)
        print("deleted:", deleted.operation.kind)


main()
