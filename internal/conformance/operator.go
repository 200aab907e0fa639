package conformance

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

// Operator names the operator that a folder tests, with its domain unless that is
// the default one: the first node of its model that is no constant. A folder
// whose name ends in _expanded and more holds the body of an ONNX function
// instead of the node; its operator is that of the folder without the ending.
// "" if there is no such model.
func Operator(dir string) string {
	if plain, _, ok := strings.Cut(filepath.Base(dir), "_expanded"); ok {
		sibling := filepath.Join(filepath.Dir(dir), plain)
		if _, err := os.Stat(filepath.Join(sibling, modelFile)); err == nil {
			return Operator(sibling)
		}
	}
	m, err := graphsurgery.Load(filepath.Join(dir, modelFile))
	if err != nil {
		return ""
	}
	name := ""
	for _, n := range m.Graph.Nodes() {
		if name == "" || name == "Constant" {
			name = opName(n.Domain(), n.Op())
		}
	}
	return name
}

// Expanded tells whether a folder holds an ONNX function's body.
func Expanded(dir string) bool { return strings.Contains(filepath.Base(dir), "_expanded") }

// opName joins a domain and an operator.
func opName(domain, op string) string {
	if domain == "" {
		return op
	}
	return domain + "." + op
}
