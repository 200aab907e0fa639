package main

import (
	"cmp"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/aat-onnx/aat-onnx/adapterinject"
	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

func addRematFlag(c *cobra.Command, remat *bool) {
	c.Flags().BoolVar(remat, "remat", false, "keep only what enters each block, and compute the rest again in the backward pass: less memory, more time")
}

// recomputeFrom names the values of the residual stream between blocks, none unless remat.
func recomputeFrom(m *graphsurgery.Model, remat bool) ([]string, error) {
	if !remat {
		return nil, nil
	}
	blocks, _ := adapterinject.Find(m)
	var names []string
	add := func(v *graphsurgery.Value) {
		if v != nil && v.Producer() != nil && !slices.Contains(names, v.Name()) {
			names = append(names, v.Name())
		}
	}
	for _, b := range blocks {
		add(b.Residual)
	}
	if len(blocks) > 0 {
		last := blocks[len(blocks)-1]
		add(cmp.Or(last.ResidualMLP, last.ResidualAttn))
	}
	if len(names) < 2 {
		return nil, &graphsurgery.UnsupportedError{File: m.Path(), What: "blocks to recompute: fewer than two values of a residual stream were found",
			Hint: "leave --remat out; 'aat-onnx inspect' shows the blocks"}
	}
	return names, nil
}

// rematFlag makes XLA CPU order a program for little memory: its usual order computes
// ahead what a block is to compute again, and keeps it.
const rematFlag = "--xla_cpu_enable_concurrency_optimized_scheduler=false"

// tuneRemat sets XLA's flag, before a plugin reads it, unless the user did.
func tuneRemat(remat bool) {
	flags := os.Getenv("XLA_FLAGS")
	if remat && !strings.Contains(flags, "concurrency_optimized_scheduler") {
		_ = os.Setenv("XLA_FLAGS", strings.TrimSpace(flags+" "+rematFlag)) // fails for names with = or NUL only
	}
}
