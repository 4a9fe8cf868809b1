"""A stand-in for a node: it plays kube-scheduler, kubelet and the container runtime for the whole cluster.

Plays: binding of pods; init and main containers with restart policies and back-off, grace period, deadline and
termination messages; emptyDir, hostPath, configMap, secret, downwardAPI and projected volumes with service account
tokens; environment from config maps, secrets, fields and `$(VAR)`; statuses, conditions, logs (also `follow`), exec.

A container is a process tree in mount, process and host name namespaces of its own, on an overlay of this machine's
root file system, with a /tmp of its own. Images are not looked at: every container sees this machine's programs.
A pod that declares container ports gets a network namespace with an address of its own, so that two may listen on
one port; all others use the node's network, where the embedded AWS is.

Does not play: images and their pull policies, users and capabilities (everything is root), requests and limits,
selectors, affinities and taints (there is one node, and it takes all pods), probes (running is ready), lifecycle
hooks, sidecars among init containers, persistent volumes, services, DNS (but for names of pods, see names.py), attach
and port forwarding.

    __main__.py      follows the apiserver's pods
    pod.py           one pod from binding to its end
    container.py     one container: namespaces, processes, log file
    launch.sh        what runs first in a container's namespaces
    volumes.py       volumes as folders
    variables.py     environment and `$(VAR)`
    addresses.py     network namespaces
    names.py         host names, and the containers' /etc/hosts
    logs.py          log files, and the endpoint from which the apiserver reads them

The node's HTTPS endpoint is tools/kubernetes/node-server: exec speaks a streaming protocol that Kubernetes' own
packages implement.
"""
