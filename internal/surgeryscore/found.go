package main

import (
	"encoding/json"
	"fmt"
	"os/exec"

	"github.com/aat-onnx/aat-onnx/adapterinject"
	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

// found is what a detector says about a model, in the form of inspect --json.
type found struct {
	Blocks []foundBlock `json:"blocks"`
	Misses []miss       `json:"misses"`
}

type foundBlock struct {
	Index     int    `json:"index"`
	Kind      string `json:"kind"`
	PreNorm   *bool  `json:"pre_norm"`
	Heads     int    `json:"heads"`
	Width     int    `json:"width"`
	Softmax   string `json:"softmax"`
	Attention struct {
		Q string `json:"q"`
		K string `json:"k"`
		V string `json:"v"`
		O string `json:"o"`
	} `json:"attention"`
	Residual []string `json:"residual"`
	MLP      struct {
		FC1 string `json:"fc1"`
		FC2 string `json:"fc2"`
	} `json:"mlp"`
}

// miss is a candidate that the detector rejected.
type miss struct {
	Node string `json:"node"`
	Op   string `json:"op"`
	Step string `json:"step"`
	Why  string `json:"why"`
}

// value gives the detected value of a role of truthBlock.roles, "" if none.
func (b foundBlock) value(role string) string {
	switch role {
	case "q":
		return b.Attention.Q
	case "k":
		return b.Attention.K
	case "v":
		return b.Attention.V
	case "o":
		return b.Attention.O
	case "fc1":
		return b.MLP.FC1
	case "fc2":
		return b.MLP.FC2
	case "residual[0]":
		return b.residual(0)
	case "residual[1]":
		return b.residual(1)
	case "softmax":
		return b.Softmax
	}
	return ""
}

func (b foundBlock) residual(i int) string {
	if i < len(b.Residual) {
		return b.Residual[i]
	}
	return ""
}

// detector finds the blocks of a model file.
type detector func(path string) (found, error)

// library detects in this process.
func library(path string) (found, error) {
	m, err := graphsurgery.Load(path)
	if err != nil {
		return found{}, err
	}
	blocks, report := adapterinject.Find(m)
	f := found{}
	for _, b := range blocks {
		f.Blocks = append(f.Blocks, fromBlock(b))
	}
	for _, c := range report.Misses() {
		f.Misses = append(f.Misses, miss{c.Node, c.Op, c.Step, c.Why})
	}
	return f, nil
}

func fromBlock(b adapterinject.Block) foundBlock {
	pre := b.PreNorm
	f := foundBlock{
		Index: b.Index, Kind: b.Kind.String(), PreNorm: &pre, Heads: b.Heads, Width: b.Width, Softmax: name(b.Softmax),
		Residual: []string{name(b.ResidualAttn), name(b.ResidualMLP)},
	}
	f.Attention.Q, f.Attention.K, f.Attention.V, f.Attention.O = name(b.Query), name(b.Key), name(b.Value), name(b.Output)
	f.MLP.FC1, f.MLP.FC2 = name(b.FC1), name(b.FC2)
	return f
}

func name(v *graphsurgery.Value) string {
	if v == nil {
		return ""
	}
	return v.Name()
}

// program detects by running "BIN inspect --json MODEL".
func program(bin string) detector {
	return func(path string) (found, error) {
		out, err := exec.Command(bin, "inspect", "--json", path).Output()
		if err != nil {
			return found{}, fmt.Errorf("%s inspect --json %s: %w", bin, path, err)
		}
		var f found
		if err := json.Unmarshal(out, &f); err != nil {
			return found{}, fmt.Errorf("%s inspect --json %s: %w", bin, path, err)
		}
		return f, nil
	}
}
