package export

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/aat-onnx/aat-onnx/internal/safetensors"
)

// peftFile is a rank-2 LoRA on query and fc2 of all six blocks in PEFT's names and
// shapes, with a classifier for three classes.
func peftFile(classifier bool) *safetensors.File {
	f := &safetensors.File{Metadata: map[string]string{"format": "pt"}}
	add := func(name string, shape ...int64) {
		n := int64(1)
		for _, d := range shape {
			n *= d
		}
		var data []byte
		for i := range n {
			data = binary.LittleEndian.AppendUint32(data, math.Float32bits(float32(math.Sin(float64(i+int64(len(f.Tensors))*7)))/8))
		}
		f.Tensors = append(f.Tensors, safetensors.Tensor{Name: name, DType: "F32", Shape: shape, Data: data})
	}
	for b := range 6 {
		at := fmt.Sprintf("base_model.model.audio_spectrogram_transformer.encoder.layer.%d.", b)
		add(at+"attention.attention.query.lora_A.weight", 2, 128)
		add(at+"attention.attention.query.lora_B.weight", 128, 2)
		add(at+"output.dense.lora_A.weight", 2, 512)
		add(at+"output.dense.lora_B.weight", 128, 2)
	}
	if classifier {
		add("base_model.model.classifier.layernorm.weight", 128)
		add("base_model.model.classifier.layernorm.bias", 128)
		add("base_model.model.classifier.dense.weight", 3, 128)
		add("base_model.model.classifier.dense.bias", 3)
	}
	return f
}

const peftPlain = `{"peft_type": "LORA", "r": 2, "lora_alpha": 16, "bias": "none", "use_rslora": false, "rank_pattern": {}, "task_type": null}`

// TestAttachPEFT: the tensors arrive transposed under our names, with the factor
// α/r = 8 and the classifier's numbers in the new head.
func TestAttachPEFT(t *testing.T) {
	f := peftFile(true)
	data, err := f.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	m, err := AttachPEFT(tiny(t, "ts17"), []byte(peftPlain), data, []string{"a", "b", "c"})
	if err != nil {
		t.Fatal(err)
	}
	for own, theirs := range map[string]string{
		"aat/block3/q/lora_A":   "layer.3.attention.attention.query.lora_A.weight",
		"aat/block5/fc2/lora_B": "layer.5.output.dense.lora_B.weight",
		"aat/head/dense_weight": "classifier.dense.weight",
	} {
		i := slices.IndexFunc(f.Tensors, func(x safetensors.Tensor) bool { return strings.HasSuffix(x.Name, theirs) })
		x := f.Tensors[i]
		want, err := floats(x)
		if err != nil {
			t.Fatal(err)
		}
		got, err := m.Graph.Initializer(own).Float32s()
		if err != nil {
			t.Fatal(err)
		}
		rows, columns := int(x.Shape[0]), int(x.Shape[1])
		for k := range got {
			if w := want[k%rows*columns+k/rows]; got[k] != w {
				t.Fatalf("%s: number %d is %v, want %v", own, k, got[k], w)
			}
		}
	}
	if got := m.Graph.Output("logits").Shape()[1].Value; got != 3 {
		t.Errorf("%d logits, want 3", got)
	}
	if text, _ := m.Metadata("aat.recipe"); !strings.Contains(text, `"alpha":16`) {
		t.Errorf("the recipe is %s, want alpha 16", text)
	}
}

func TestAttachPEFTRefuses(t *testing.T) {
	plain, err := peftFile(false).Bytes()
	if err != nil {
		t.Fatal(err)
	}
	head, err := peftFile(true).Bytes()
	if err != nil {
		t.Fatal(err)
	}
	other := peftFile(false)
	other.Tensors[0].Name = "base_model.model.foo.lora_A.weight"
	unknown, err := other.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	gap := peftFile(false)
	gap.Tensors = gap.Tensors[1:]
	missing, err := gap.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		config  string
		weights []byte
		labels  []string
		want    string
	}{
		"kind":      {`{"peft_type": "IA3", "r": 2, "lora_alpha": 1}`, plain, nil, "LORA is read"},
		"DoRA":      {strings.Replace(peftPlain, `"r"`, `"use_dora": true, "r"`, 1), plain, nil, "DoRA"},
		"biases":    {strings.Replace(peftPlain, `"none"`, `"all"`, 1), plain, nil, "biases"},
		"ranks":     {strings.Replace(peftPlain, `{}`, `{"q": 4}`, 1), plain, nil, "rank_pattern"},
		"rank":      {strings.Replace(peftPlain, `"r": 2`, `"r": 4`, 1), plain, nil, "does not fit"},
		"no JSON":   {`{`, plain, nil, "cannot be read"},
		"weights":   {peftPlain, plain[:50], nil, "cannot be read"},
		"no labels": {peftPlain, head, nil, "names of its classes"},
		"labels":    {peftPlain, plain, []string{"a", "b"}, "no classifier"},
		"count":     {peftPlain, head, []string{"a", "b"}, "does not fit"},
		"module":    {peftPlain, unknown, nil, "no module that is known"},
		"missing":   {peftPlain, missing, nil, "has nothing for"},
	} {
		if _, err := AttachPEFT(tiny(t, "ts17"), []byte(c.config), c.weights, c.labels); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want an error with %q", name, err, c.want)
		}
	}
}
