package importer

import (
	"net/url"
	"strings"
)

// variableScope is the folder of a store that holds a model's initialisers.
const variableScope = "/onnx/"

// VariablePath gives the path of the GoMLX variable that holds an initialiser.
// GoMLX reads "/" as a folder and cleans "." and ".." away, so every byte but
// letters, digits, "-", "_" and "~" is percent-encoded; [InitializerName] undoes it.
func VariablePath(initializer string) string {
	escaped := url.PathEscape(initializer)
	// PathEscape keeps ".", and a few signs that are harmless in a path.
	return variableScope + strings.ReplaceAll(escaped, ".", "%2E")
}

// InitializerName is the inverse of [VariablePath]. The second result is false
// for a variable that holds no initialiser, such as an optimiser's moment.
func InitializerName(path string) (string, bool) {
	escaped, ok := strings.CutPrefix(path, variableScope)
	if !ok || strings.Contains(escaped, "/") {
		return "", false
	}
	name, err := url.PathUnescape(escaped)
	return name, err == nil
}
