package ort

import (
	"debug/elf"
	"fmt"
	"os"
	"runtime"
)

// checkLibrary looks into the file before it is loaded. Loading a truncated
// library ends the process with a bus error, and one of another architecture
// gives a message that names neither, so both are found here. Only ELF, the
// format of Linux, is checked.
func checkLibrary(path string) error {
	fi, err := os.Stat(path)
	if err != nil {
		return err
	}
	if runtime.GOOS != "linux" {
		return nil
	}
	f, err := elf.Open(path)
	if err != nil {
		return fmt.Errorf("it is not a shared library, or a damaged one: %w", err)
	}
	defer f.Close()
	if want, ok := machine(runtime.GOARCH); ok && f.Machine != want {
		return fmt.Errorf("it is made for %s, this program runs on %s", f.Machine, platform())
	}
	if f.Type != elf.ET_DYN {
		return fmt.Errorf("it is not a shared library: its ELF type is %s", f.Type)
	}
	for _, p := range f.Progs {
		if p.Off+p.Filesz > uint64(fi.Size()) || p.Off+p.Filesz < p.Off {
			return fmt.Errorf("it is truncated: %d bytes, and a segment ends at %d", fi.Size(), p.Off+p.Filesz)
		}
	}
	symbols, err := f.DynamicSymbols()
	if err != nil {
		return fmt.Errorf("it has no table of symbols: %w", err)
	}
	for _, s := range symbols {
		if s.Name == "OrtGetApiBase" && s.Section != elf.SHN_UNDEF {
			return nil
		}
	}
	return fmt.Errorf("it is not ONNX Runtime: it has no symbol OrtGetApiBase")
}

func machine(goarch string) (elf.Machine, bool) {
	switch goarch {
	case "amd64":
		return elf.EM_X86_64, true
	case "arm64":
		return elf.EM_AARCH64, true
	}
	return elf.EM_NONE, false
}
