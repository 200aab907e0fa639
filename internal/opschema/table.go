package opschema

import (
	_ "embed"
	"sync"
)

//go:embed schemas.txt
var text string

// table reads the text once, on first use.
var table = sync.OnceValue(func() *index { return mustRead(text) })

type key struct{ domain, name string }

// index is the table: all schemas by domain, name and version, oldest first, and
// those of each operator.
type index struct {
	all      []*Schema
	versions map[key][]*Schema
	latest   map[string]int64
	releases []Release
}

// Find gives the schema of an operator in force at an operator set version: the
// newest that is not newer than opset. A deprecated one is found too. The domain
// "ai.onnx" is the same as "".
func Find(domain, op string, opset int64) (*Schema, bool) {
	versions := Versions(domain, op)
	for i := len(versions) - 1; i >= 0; i-- {
		if versions[i].Since <= opset {
			return versions[i], true
		}
	}
	return nil, false
}

// Versions gives all schemas of an operator, oldest first; none if it is unknown.
func Versions(domain, op string) []*Schema {
	return table().versions[key{Canonical(domain), op}]
}

// All gives every schema, ordered by domain, name and version; those of ONNX
// Runtime come last.
func All() []*Schema { return table().all }

// Latest is the newest operator set version of a domain in the table, 0 for an
// unknown domain.
func Latest(domain string) int64 { return table().latest[Canonical(domain)] }

// Builtin reports whether the standard itself defines the domain's operators.
func Builtin(domain string) bool {
	switch Canonical(domain) {
	case "", "ai.onnx.ml", "ai.onnx.preview", "ai.onnx.preview.training":
		return true
	}
	return false
}

// Canonical maps the spelled-out default domain, ai.onnx, to "".
func Canonical(domain string) string {
	if domain == "ai.onnx" {
		return ""
	}
	return domain
}
