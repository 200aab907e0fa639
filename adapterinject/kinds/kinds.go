// Package kinds lists the kinds of adapters: their names, what they are called
// in the field, and how a recipe of each is made from a command's options or from
// an injected model.
package kinds

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/aat-onnx/aat-onnx/adapterinject"
	"github.com/aat-onnx/aat-onnx/adapterinject/aat"
	"github.com/aat-onnx/aat-onnx/adapterinject/bitfit"
	"github.com/aat-onnx/aat-onnx/adapterinject/conformer"
	"github.com/aat-onnx/aat-onnx/adapterinject/convpass"
	"github.com/aat-onnx/aat-onnx/adapterinject/dora"
	"github.com/aat-onnx/aat-onnx/adapterinject/full"
	"github.com/aat-onnx/aat-onnx/adapterinject/headonly"
	"github.com/aat-onnx/aat-onnx/adapterinject/houlsby"
	"github.com/aat-onnx/aat-onnx/adapterinject/ia3"
	"github.com/aat-onnx/aat-onnx/adapterinject/lastk"
	"github.com/aat-onnx/aat-onnx/adapterinject/lora"
	"github.com/aat-onnx/aat-onnx/adapterinject/norms"
	"github.com/aat-onnx/aat-onnx/adapterinject/parallel"
	"github.com/aat-onnx/aat-onnx/adapterinject/pfeiffer"
	"github.com/aat-onnx/aat-onnx/adapterinject/prefix"
	"github.com/aat-onnx/aat-onnx/adapterinject/prompt"
	"github.com/aat-onnx/aat-onnx/adapterinject/ssf"
	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// Options are what kinds have in common. The zero value is each kind's default;
// a kind that has no use for one that is set refuses it.
type Options struct {
	adapterinject.Scope
	Rank  float64 // below 1 a share of the width, from 1 a number
	Scale float64
	Alpha float64 // of low-rank updates: Scale is α/rank
	Sites []adapterinject.SiteName
	Seed  uint64

	RankStabilised bool // Scale is α/√rank (arXiv 2312.03732)
}

// Kind is one kind of adapter.
type Kind struct {
	Method string // its name for files and commands
	Title  string // what it is, in one line, with its source

	recipe func(Options) adapterinject.Recipe
	read   func(*json.Decoder) (adapterinject.Recipe, error)
	takes  string // the options that it has: "rank", "scale", "alpha", "rslora", "sites", "scope", "seed"
}

// All are the kinds there are, the default first.
func All() []Kind {
	return []Kind{
		kind("aat", "spatial and MLP adapters (AAT^MS, arXiv 2401.10544)", "rank scale scope seed", func(o Options) aat.Recipe {
			return aat.Recipe{Scope: o.Scope, Rank: o.Rank, Scale: o.Scale, Seed: o.Seed}
		}),
		kind("aat-m", "MLP adapters only (AAT^M)", "rank scale scope seed", func(o Options) aat.Recipe {
			return aat.Recipe{Scope: o.Scope, Rank: o.Rank, Scale: o.Scale, MLPOnly: true, Seed: o.Seed}
		}),
		kind("houlsby", "two sequential bottlenecks, norms trained (arXiv 1902.00751)", "rank scale scope seed", func(o Options) houlsby.Recipe {
			return houlsby.Recipe{Scope: o.Scope, Rank: o.Rank, Scale: o.Scale, Seed: o.Seed}
		}),
		kind("pfeiffer", "one sequential bottleneck behind the MLP, its norm trained (arXiv 2005.00247)", "rank scale scope seed", func(o Options) pfeiffer.Recipe {
			return pfeiffer.Recipe{Scope: o.Scope, Rank: o.Rank, Scale: o.Scale, Seed: o.Seed}
		}),
		kind("parallel", "a scaled bottleneck beside the MLP (AdaptFormer, arXiv 2205.13535)", "rank scale scope seed", func(o Options) parallel.Recipe {
			return parallel.Recipe{Scope: o.Scope, Rank: o.Rank, Scale: o.Scale, Seed: o.Seed}
		}),
		kind("conv", "a convolutional bottleneck over the grid of patches (ConvPass, arXiv 2207.07039)", "rank scale scope seed", func(o Options) convpass.Recipe {
			return convpass.Recipe{Scope: o.Scope, Rank: o.Rank, Scale: o.Scale, Seed: o.Seed}
		}),
		kind("conformer", "a Conformer's convolution module as a bottleneck (arXiv 2312.03694)", "rank scope seed", func(o Options) conformer.Recipe {
			return conformer.Recipe{Scope: o.Scope, Rank: o.Rank, Seed: o.Seed}
		}),
		kind("lora", "low-rank updates of linear layers (LoRA, arXiv 2106.09685)", "rank scale alpha rslora sites scope seed", func(o Options) lora.Recipe {
			return lora.Recipe{Scope: o.Scope, Layers: layers(o.Sites), Rank: o.Rank, Alpha: o.Alpha, Scale: o.Scale, RankStabilised: o.RankStabilised, Seed: o.Seed}
		}),
		kind("dora", "low-rank updates of directions, and magnitudes (DoRA, arXiv 2402.09353)", "rank scale alpha rslora sites scope seed", func(o Options) dora.Recipe {
			return dora.Recipe{Scope: o.Scope, Layers: layers(o.Sites), Rank: o.Rank, Alpha: o.Alpha, Scale: o.Scale, RankStabilised: o.RankStabilised, Seed: o.Seed}
		}),
		kind("ia3", "gains on keys, values and the MLP's hidden units ((IA)³, arXiv 2205.05638)", "scope", func(o Options) ia3.Recipe {
			return ia3.Recipe{Scope: o.Scope}
		}),
		kind("ssf", "scales and shifts behind linear layers and norms (SSF, arXiv 2210.08823)", "scope", func(o Options) ssf.Recipe {
			return ssf.Recipe{Scope: o.Scope}
		}),
		kind("prefix", "keys and values of attention's own, gated (arXiv 2303.16199)", "rank scope seed", func(o Options) prefix.Recipe {
			return prefix.Recipe{Scope: o.Scope, Tokens: o.Rank, Seed: o.Seed}
		}),
		kind("prompt", "learned tokens at the first block (shallow VPT, arXiv 2203.12119)", "rank scope seed", func(o Options) prompt.Recipe {
			return prompt.Recipe{Scope: o.Scope, Tokens: o.Rank, Seed: o.Seed}
		}),
		kind("prompt-deep", "learned tokens at every block (deep VPT, arXiv 2203.12119)", "rank scope seed", func(o Options) prompt.Recipe {
			return prompt.Recipe{Scope: o.Scope, Tokens: o.Rank, Deep: true, Seed: o.Seed}
		}),
		kind("bitfit", "biases of blocks and norms (BitFit, arXiv 2106.10199)", "scope", func(o Options) bitfit.Recipe { return bitfit.Recipe{Scope: o.Scope} }),
		kind("ln", "gains and offsets of norms", "scope", func(o Options) norms.Recipe { return norms.Recipe{Scope: o.Scope} }),
		kind("last-k", "the last blocks wholly", "scope", func(o Options) lastk.Recipe { return lastk.Recipe{Scope: o.Scope} }),
		kind("full", "every parameter", "", func(Options) full.Recipe { return full.Recipe{} }),
		kind("head", "new head only", "", func(Options) headonly.Recipe { return headonly.Recipe{} }),
	}
}

// layers are the linear layers that sites name: by the layer (q, fc1) or by the site
// of its result (attn.q, mlp.fc1). What names none stays, for the recipe to refuse.
func layers(sites []adapterinject.SiteName) []adapterinject.LayerName {
	var out []adapterinject.LayerName
	for _, site := range sites {
		name := adapterinject.LayerName(site)
		switch site {
		case adapterinject.AttentionOut:
			name = adapterinject.LayerO
		case adapterinject.MLPOut:
			name = adapterinject.LayerFC2
		case adapterinject.AttentionQ, adapterinject.AttentionK, adapterinject.AttentionV, adapterinject.AttentionKV, adapterinject.AttentionQKV,
			adapterinject.MLPFC1, adapterinject.MLPGate:
			name = adapterinject.LayerName(site[strings.IndexByte(string(site), '.')+1:])
		}
		out = append(out, name)
	}
	return out
}

// kind makes an entry from the function that makes its recipe, whose type says
// how one is read.
func kind[R adapterinject.Recipe](method, title, takes string, recipe func(Options) R) Kind {
	return Kind{
		Method: method, Title: title, takes: takes,
		recipe: func(o Options) adapterinject.Recipe { return recipe(o) },
		read: func(d *json.Decoder) (adapterinject.Recipe, error) {
			var r R
			return r, d.Decode(&r)
		},
	}
}

// Named gives the kind of that method, as in "aat". The error names all there are.
func Named(method string) (Kind, error) {
	var names []string
	for _, k := range All() {
		if k.Method == method {
			return k, nil
		}
		names = append(names, k.Method)
	}
	return Kind{}, &gs.UnsupportedError{What: fmt.Sprintf("unknown method %q", method), Hint: "methods are " + strings.Join(names, ", ")}
}

// Recipe is the kind's recipe with these options. The error is an
// *UnsupportedError if one is set that the kind does not have.
func (k Kind) Recipe(o Options) (adapterinject.Recipe, error) {
	set := map[string]bool{
		"rank": o.Rank != 0 || len(o.Ranks) > 0, "scale": o.Scale != 0, "sites": len(o.Sites) > 0,
		"scope": len(o.Blocks) > 0 || o.Last > 0, "alpha": o.Alpha != 0, "rslora": o.RankStabilised,
	}
	for _, name := range []string{"rank", "scale", "alpha", "rslora", "sites", "scope"} {
		if set[name] && !k.Takes(name) {
			return nil, &gs.UnsupportedError{What: fmt.Sprintf("method %s has no %s", k.Method, name), Hint: "leave it out"}
		}
	}
	return k.recipe(o), nil
}

// Takes reports whether the kind has an option: rank, scale, alpha, rslora, sites,
// scope or seed.
func (k Kind) Takes(option string) bool {
	for _, name := range strings.Fields(k.takes) {
		if name == option {
			return true
		}
	}
	return false
}

// Read gives the recipe that a model was injected by, from its metadata. The
// error is a *FormatError if it cannot be read.
func Read(i adapterinject.Info) (adapterinject.Recipe, error) {
	k, err := Named(i.Method)
	if err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(i.Recipe))
	d.DisallowUnknownFields()
	r, err := k.read(d)
	if err != nil {
		return nil, &gs.FormatError{What: fmt.Sprintf("metadata %s: the recipe of method %s cannot be read: %v", adapterinject.MetaRecipe, i.Method, err)}
	}
	return r, nil
}

// Replan plans, on a base, the injection that a model says it was made by. The
// error is a *FormatError if the model does not say so, and Plan's errors if the
// base does not take its recipe. That base is the model's own is not checked; see
// [CheckBase].
func Replan(base, injected *gs.Model) (*adapterinject.InjectionPlan, error) {
	info, ok := adapterinject.Provenance(injected)
	if !ok {
		return nil, &gs.FormatError{File: injected.Path(), What: fmt.Sprintf("metadata %s does not say by which recipe adapters were injected", adapterinject.MetaRecipe)}
	}
	recipe, err := Read(info)
	if err != nil {
		return nil, err
	}
	head := info.Head
	head.Labels = info.Labels
	return adapterinject.Plan(base, recipe, head)
}

// CheckBase is an *UnsupportedError unless base is the very file that the model
// was injected into.
func CheckBase(base *gs.Model, info adapterinject.Info) error {
	if got := base.Digest(); got != info.BaseDigest {
		return &gs.UnsupportedError{File: base.Path(), What: fmt.Sprintf("this is not the base that the adapters were made for: digest %s, want %s", got, info.BaseDigest), Hint: "give the file that 'aat-onnx inject' was given"}
	}
	return nil
}
