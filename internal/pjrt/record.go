package pjrt

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
)

// probedWith names what the probe's outcome depends on beside the library: the
// PJRT binding and the probe itself. Change it when either changes; a test holds
// the binding's version against go.mod.
const probedWith = "go-xla v0.4.5, onnxruntime_go v1.36.0, probe 1"

// record is a successful probe, kept so that later runs need no child process.
type record struct {
	Path   string      `json:"path"`
	Size   int64       `json:"size"`
	MTime  int64       `json:"mtime_ns"`
	With   string      `json:"with"`
	Result ProbeResult `json:"result"`
}

// recordPath is beside a library of our cache; for one of the user's, whose
// folder is not ours to write in, it is in the cache under a name of its path.
func recordPath(root, file string) string {
	if rel, err := filepath.Rel(root, file); err == nil && filepath.IsLocal(rel) {
		return file + ".probe.json"
	}
	sum := sha256.Sum256([]byte(file))
	return filepath.Join(root, "pjrt", "probes", hex.EncodeToString(sum[:12])+".json")
}

// readRecord gives the stored result if the library is still the one probed.
func readRecord(root, file string) (ProbeResult, bool) {
	now, err := describe(file)
	if err != nil {
		return ProbeResult{}, false
	}
	data, err := os.ReadFile(recordPath(root, file))
	if err != nil {
		return ProbeResult{}, false
	}
	var r record
	if json.Unmarshal(data, &r) != nil || !r.Result.OK {
		return ProbeResult{}, false
	}
	same := r.Path == now.Path && r.Size == now.Size && r.MTime == now.MTime && r.With == now.With
	return r.Result, same
}

// writeRecord stores the result. Failing to is no error: it costs the next run
// one probe.
func writeRecord(root, file string, result ProbeResult) {
	r, err := describe(file)
	if err != nil {
		return
	}
	r.Result = result
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return
	}
	at := recordPath(root, file)
	if os.MkdirAll(filepath.Dir(at), 0o755) == nil {
		_ = os.WriteFile(at, append(data, '\n'), 0o644) // torn by a crash it is no JSON, and counts as absent
	}
}

func describe(file string) (record, error) {
	fi, err := os.Stat(file)
	if err != nil {
		return record{}, err
	}
	return record{Path: file, Size: fi.Size(), MTime: fi.ModTime().UnixNano(), With: probedWith}, nil
}

// probeAndRecord probes unless a fresh record makes it needless.
func probeAndRecord(ctx context.Context, root, file string, k kind) (ProbeResult, error) {
	if r, ok := readRecord(root, file); ok {
		return r, nil
	}
	r, err := probe(ctx, file, k, probeLimit)
	if err != nil {
		return r, err
	}
	writeRecord(root, file, r)
	return r, nil
}
