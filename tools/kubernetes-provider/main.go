// Pulumi's own Kubernetes provider, for the tests and benchmarks where none can be downloaded. Its program cannot be
// built from the published module itself, which lacks two files that a release makes first: the schema, with the
// version in it, and the map of Terraform's resources. `tools/bootstrap/kubernetes_provider.py` gives both.
package main

import (
	_ "embed"

	"github.com/pulumi/pulumi-kubernetes/provider/v4/pkg/provider"
	"github.com/pulumi/pulumi-kubernetes/provider/v4/pkg/version"
)

//go:embed schema.json
var schema []byte

//go:embed terraform-mapping.json
var mapping []byte

func main() { provider.Serve("kubernetes", version.Version, schema, mapping) }
