package export

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/aat-onnx/aat-onnx/adapterinject"
	"github.com/aat-onnx/aat-onnx/adapterinject/lora"
	"github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/internal/safetensors"
)

// peftConfig is what is read of PEFT's adapter_config.json.
type peftConfig struct {
	Type         string          `json:"peft_type"`
	Rank         int             `json:"r"`
	Alpha        float64         `json:"lora_alpha"`
	Stabilised   bool            `json:"use_rslora"`
	DoRA         bool            `json:"use_dora"`
	Bias         string          `json:"bias"`
	Turned       bool            `json:"fan_in_fan_out"`
	RankPattern  json.RawMessage `json:"rank_pattern"`
	AlphaPattern json.RawMessage `json:"alpha_pattern"`
}

// recipe is the LoRA that the configuration describes, without blocks and layers; an
// *UnsupportedError if it describes something else.
func (c peftConfig) recipe() (lora.Recipe, error) {
	why := ""
	switch {
	case c.Type != "LORA":
		why = fmt.Sprintf("its kind is %q; LORA is read", c.Type)
	case c.DoRA:
		why = "it is a DoRA, whose magnitudes PEFT keeps in another form"
	case c.Bias != "" && c.Bias != "none":
		why = fmt.Sprintf("it trains biases too (bias %q)", c.Bias)
	case c.Turned:
		why = "its layers keep weights transposed (fan_in_fan_out)"
	case filled(c.RankPattern) || filled(c.AlphaPattern):
		why = "its layers have ranks or factors of their own (rank_pattern, alpha_pattern)"
	case c.Rank < 1:
		why = fmt.Sprintf("its rank is %d", c.Rank)
	case c.Alpha == 0:
		why = "its lora_alpha is 0 or missing"
	}
	if why != "" {
		return lora.Recipe{}, &graphsurgery.UnsupportedError{What: "the PEFT adapter cannot be read: " + why, Hint: "train a plain LoRA, or merge it in PEFT and export the model"}
	}
	return lora.Recipe{Rank: float64(c.Rank), Alpha: c.Alpha, RankStabilised: c.Stabilised}, nil
}

func filled(object json.RawMessage) bool {
	text := strings.TrimSpace(string(object))
	return text != "" && text != "null" && text != "{}"
}

// peftLayers maps the end of a module's name in Transformers' AST, older and newer, to
// our layers; longer ends come first.
func peftLayers() []struct {
	end   string
	layer adapterinject.LayerName
} {
	return []struct {
		end   string
		layer adapterinject.LayerName
	}{
		{"attention.attention.query", adapterinject.LayerQ}, {"attention.q_proj", adapterinject.LayerQ},
		{"attention.attention.key", adapterinject.LayerK}, {"attention.k_proj", adapterinject.LayerK},
		{"attention.attention.value", adapterinject.LayerV}, {"attention.v_proj", adapterinject.LayerV},
		{"attention.output.dense", adapterinject.LayerO}, {"attention.o_proj", adapterinject.LayerO},
		{"intermediate.dense", adapterinject.LayerFC1}, {"mlp.fc1", adapterinject.LayerFC1},
		{"output.dense", adapterinject.LayerFC2}, {"mlp.fc2", adapterinject.LayerFC2},
	}
}

// peftKey says whose numbers a tensor of PEFT's are: its name with us, and whether it
// is transposed there. The name is "" for one that is not known.
func peftKey(name string) (own string, block int, layer adapterinject.LayerName) {
	found := regexp.MustCompile(`\.layers?\.([0-9]{1,4})\.(.+)\.(lora_[AB])(?:\.default)?\.weight$`).FindStringSubmatch(name)
	if found == nil {
		head := regexp.MustCompile(`(?:^|\.)classifier\.(?:modules_to_save\.(?:default\.)?)?(layernorm|dense)\.(weight|bias)$`).FindStringSubmatch(name)
		if head == nil {
			return "", 0, ""
		}
		return "head/" + map[string]string{"layernorm": "norm", "dense": "dense"}[head[1]] + "_" + head[2], -1, ""
	}
	block, _ = strconv.Atoi(found[1]) // digits
	for _, l := range peftLayers() {
		if found[2] == l.end {
			return fmt.Sprintf("block%d/%s/%s", block, l.layer, found[3]), block, l.layer
		}
	}
	return "", 0, ""
}

// AttachPEFT makes a fused model of a base and a LoRA that PEFT trained on Transformers'
// AST: config and weights are the bytes of adapter_config.json and
// adapter_model.safetensors. Where PEFT saved the classifier too, labels name its
// classes, in order; its norm then has ε 1e-5 as all new heads, where Transformers has
// 1e-12. The error is an *UnsupportedError for other kinds and modules, and a
// *FormatError for files that are broken or do not fit the base.
func AttachPEFT(base *graphsurgery.Model, config, weights []byte, labels []string) (*graphsurgery.Model, error) {
	var c peftConfig
	if err := json.Unmarshal(config, &c); err != nil {
		return nil, &graphsurgery.FormatError{What: "adapter_config.json cannot be read", Err: err}
	}
	recipe, err := c.recipe()
	if err != nil {
		return nil, err
	}
	f, err := safetensors.Parse(weights)
	if err != nil {
		return nil, &graphsurgery.FormatError{What: "adapter_model.safetensors cannot be read", Err: err}
	}
	named, err := peftTensors(f, &recipe)
	if err != nil {
		return nil, err
	}
	_, head := named["head/dense_weight"]
	switch {
	case head && len(labels) == 0:
		return nil, &graphsurgery.UnsupportedError{What: "the PEFT adapter has a classifier of its own, but not the names of its classes", Hint: "give them with --labels, in the order of the training"}
	case !head && len(labels) > 0:
		return nil, &graphsurgery.UnsupportedError{What: "labels are given, but the PEFT adapter has no classifier", Hint: "leave --labels out: the base's head stays"}
	}
	plan, err := adapterinject.Plan(base, recipe, adapterinject.Head{Labels: labels})
	if err != nil {
		return nil, err
	}
	m, err := plan.Inject()
	if err != nil {
		return nil, err
	}
	return m, setPEFT(m, named)
}

// peftTensors gives a file's tensors our names, and the recipe its blocks and layers.
func peftTensors(f *safetensors.File, r *lora.Recipe) (map[string]safetensors.Tensor, error) {
	named := map[string]safetensors.Tensor{}
	for _, t := range f.Tensors {
		own, block, layer := peftKey(t.Name)
		if own == "" {
			return nil, &graphsurgery.UnsupportedError{What: fmt.Sprintf("tensor %q of the PEFT adapter is of no module that is known", t.Name), Hint: "LoRA on the query, key, value, output and MLP layers of AST, and its classifier, are read"}
		}
		if _, twice := named[own]; twice {
			return nil, &graphsurgery.FormatError{What: fmt.Sprintf("two tensors of the PEFT adapter, one of them %q, are of the same module", t.Name)}
		}
		named[own] = t
		if block >= 0 && !slices.Contains(r.Blocks, block) {
			r.Blocks = append(r.Blocks, block)
		}
		if layer != "" && !slices.Contains(r.Layers, layer) {
			r.Layers = append(r.Layers, layer)
		}
	}
	slices.Sort(r.Blocks)
	slices.Sort(r.Layers)
	if len(r.Blocks) == 0 {
		return nil, &graphsurgery.FormatError{What: "the PEFT adapter has no LoRA matrices"}
	}
	return named, nil
}

// setPEFT gives the injected model the tensors' numbers; matrices are transposed.
func setPEFT(m *graphsurgery.Model, named map[string]safetensors.Tensor) error {
	names := adapterinject.Trainable(m)
	for _, name := range names {
		t, ok := named[strings.TrimPrefix(name, adapterinject.Prefix)]
		if !ok {
			return &graphsurgery.FormatError{What: fmt.Sprintf("the PEFT adapter has nothing for %s: it does not tune the same layers in all blocks, or the base has others", strings.TrimPrefix(name, adapterinject.Prefix))}
		}
		xs, err := floats(t)
		if err != nil {
			return err
		}
		shape := slices.Clone(t.Shape)
		if len(shape) == 2 {
			xs, shape = transposed(xs, int(shape[0]), int(shape[1])), []int64{shape[1], shape[0]}
		}
		if err := m.SetInitializer(name, graphsurgery.NewTensor(shape, xs)); err != nil {
			return &graphsurgery.FormatError{What: fmt.Sprintf("tensor %q of the PEFT adapter does not fit the base", t.Name), Err: err}
		}
	}
	if len(named) != len(names) {
		return &graphsurgery.FormatError{What: fmt.Sprintf("the PEFT adapter has %d tensors, of which the base takes %d", len(named), len(names))}
	}
	return nil
}

// floats reads a tensor of 32 or 16 bits.
func floats(t safetensors.Tensor) ([]float32, error) {
	dtype, ok := map[string]graphsurgery.DType{"F32": graphsurgery.Float, "F16": graphsurgery.Float16, "BF16": graphsurgery.BFloat16}[t.DType]
	if !ok {
		return nil, &graphsurgery.UnsupportedError{What: fmt.Sprintf("tensor %q is %s", t.Name, t.DType), Hint: "F32, F16 and BF16 are read"}
	}
	own, err := graphsurgery.NewTensorRaw(dtype, t.Shape, t.Data)
	if err != nil {
		return nil, err
	}
	return own.Float32s()
}

func transposed(xs []float32, rows, columns int) []float32 {
	out := make([]float32, len(xs))
	for i := range rows {
		for j := range columns {
			out[j*rows+i] = xs[i*columns+j]
		}
	}
	return out
}
