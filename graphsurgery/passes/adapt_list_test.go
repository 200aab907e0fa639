package passes

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aat-onnx/aat-onnx/internal/opschema"
)

// form is what a schema says but for types: attributes with their defaults, and
// which inputs and outputs there are.
func form(s *opschema.Schema) string {
	var b strings.Builder
	for _, a := range s.Attrs {
		fmt.Fprintln(&b, a.Name, a.Type, a.Required, a.Default)
	}
	fmt.Fprintln(&b, s.MinInputs, s.MaxInputs, s.MinOutputs, s.MaxOutputs, s.OutputCounts)
	for _, p := range append(append([]opschema.Param{}, s.Inputs...), s.Outputs...) {
		fmt.Fprintln(&b, p.Option, p.MinArity)
	}
	return b.String()
}

// neutral lists the versions of operators that have no adapter and change more
// than types, and why a node means the same under them.
func neutral() map[string]string {
	return map[string]string{
		"ArgMax 12":             "select_last_index = 0 is the first of equals, as before",
		"ArgMin 12":             "select_last_index = 0 is the first of equals, as before",
		"AveragePool 10":        "ceil_mode = 0 rounds down, as before",
		"AveragePool 19":        "no dilations are dilations of 1",
		"Cast 19":               "saturate is for casts to float8 alone, which are new",
		"CastLike 19":           "saturate is for casts to float8 alone, which are new",
		"Constant 11":           "sparse_value is another choice",
		"Constant 12":           "value_float and the like are other choices",
		"DepthToSpace 11":       "mode = DCR is the order there was",
		"DequantizeLinear 13":   "axis is for lists of scales alone, which are new",
		"DequantizeLinear 21":   "block_size = 0 is no blocks",
		"DequantizeLinear 23":   "output_dtype = 0 is the type of the scale, as before",
		"GRU 14":                "layout = 0 has the sequence first, as before",
		"GatherND 12":           "batch_dims = 0 is no batch",
		"Gemm 11":               "C has become optional",
		"LSTM 14":               "layout = 0 has the sequence first, as before",
		"LpPool 18":             "ceil_mode = 0 and no dilations, as before",
		"Loop 11":               "a loop may be without values that it carries",
		"MaxPool 8":             "the indices are an optional output; storage_order is for them",
		"MaxPool 10":            "ceil_mode = 0 and no dilations, as before",
		"OptionalHasElement 18": "the input has become optional",
		"Pad 18":                "no axes are all axes",
		"QuantizeLinear 13":     "axis is for lists of scales alone, which are new",
		"QuantizeLinear 19":     "saturate is for float8 alone, which is new",
		"QuantizeLinear 21":     "block_size = 0 is no blocks, output_dtype = 0 the type of the zero point",
		"QuantizeLinear 23":     "precision = 0 is that of the scale, as before",
		"RNN 14":                "layout = 0 has the sequence first, as before",
		"Reshape 14":            "allowzero = 0 copies the size for a 0, as before",
		"Resize 13":             "roi and scales have become optional",
		"Resize 18":             "antialias = 0, no axes and stretching, as before",
		"ScatterElements 16":    "reduction = none overwrites, as before",
		"ScatterND 16":          "reduction = none overwrites, as before",
		"Shape 15":              "no start and end is the whole shape",
		"TopK 11":               "the largest, sorted, as before",
	}
}

// TestVersionsWithoutAdapter keeps the list: a version that the table of schemas
// gains has to get an adapter or a reason.
func TestVersionsWithoutAdapter(t *testing.T) {
	unseen := neutral()
	for _, s := range opschema.All() {
		prev, ok := opschema.Find("", s.Name, s.Since-1)
		if s.Domain != "" || s.Since <= MinOpset || s.Since > MaxOpset || !ok || adapter(s.Name, s.Since) != nil || s.Deprecated || form(s) == form(prev) {
			continue
		}
		key := fmt.Sprint(s.Name, " ", s.Since)
		if unseen[key] == "" {
			t.Errorf("%s has neither an adapter nor a reason why it needs none:\n%s\nbefore:\n%s", key, form(s), form(prev))
		}
		delete(unseen, key)
	}
	for key := range unseen {
		t.Errorf("%s is listed, but changes types only, or has an adapter", key)
	}
}
