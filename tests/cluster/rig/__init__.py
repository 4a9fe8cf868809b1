"""A Kubernetes cluster with Argo Workflows and Argo Events, on one machine and without containers.

Real, in released versions (see tools/bootstrap/cluster.py): etcd, kube-apiserver with RBAC and all admission that
it has by default, kube-controller-manager (jobs, deployments, service accounts, namespaces, garbage collection),
Argo's workflow-controller, executor and command line with their full resource definitions, Argo Events' controller,
event sources and sensors, and NATS as its event bus; JobSet's controller.

Stand-ins: `kubelet/` plays scheduler, kubelet and container runtime; the embedded AWS of `flowinfra.local` plays S3.

    settings.py       addresses, folders and file names, shared by both sides
    cluster.py        what tests use: start, stop, enter; the other side of supervisor.py
    supervisor.py     first process of the cluster's own network, process and mount namespaces; starts the rest
    certificates.py   what the programs prove to each other
    controllers.py    Argo's own manifests, made fit for a machine without images
    jobsets.py        JobSet's controller
    api.py            JSON over HTTPS to the apiserver
    kubelet/          the stand-in for a node

All of it ends with its first process, which ends when the one that started it does, however that ends.
"""
