"""A local stand-in for Pulumi's `kubernetes` provider plugin, for tests alone.

What it plays: `pulumi-resource-kubernetes` 4.34 in its default mode, server-side apply, for every kind of object that
an apiserver serves. Followed from pulumi/pulumi-kubernetes: provider/pkg/provider/provider.go (what Check, Diff, Read
and the rest do, what the state holds), provider/pkg/await/await.go (apply, conflicts, deletion) and
provider/pkg/provider/diff.go (what replaces). It speaks to a cluster on this machine and to no other.

As there: a difference is between the inputs and what the state says that the cluster had, pruned to the shape of the
inputs, so that defaults and statuses are none, and drift is seen by a refresh; previews of creates and updates are
dry runs; a field that somebody else owns is a conflict unless `pulumi.com/patchForce` says otherwise.

Does not play: charts, YAML files and patches, client-side apply, waiting until an object is ready, validation against
the OpenAPI schema beyond the dry run, retries while a namespace or definition is still being made.

    bin/pulumi-resource-kubernetes   what the engine starts
    server.py                        gRPC: the engine's calls in, answers and clear errors out
    provider.py                      one call: decode, decide, ask the cluster, encode
    access.py                        kubeconfig, and the apiserver through the `kubernetes` package
    objects.py                       names, pruning, differences, what replaces (pure)
    secrecy.py                       what of an answer is secret (pure)
"""
