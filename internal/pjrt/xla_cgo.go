//go:build cgo && unix

package pjrt

/*
#cgo linux LDFLAGS: -ldl
#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>

// The first struct of ONNX Runtime's C interface, unchanged since its version 1.
typedef struct {
	const void *(*get_api)(uint32_t version);
	const char *(*get_version_string)(void);
} ort_base;

// aat_symbol opens the library and finds a symbol in it, or sets what. The
// handle is kept: the caller is a child process about to end.
static void *aat_symbol(const char *path, const char *symbol, const char **what) {
	void *lib = dlopen(path, RTLD_LAZY | RTLD_LOCAL);
	if (lib == NULL) { *what = dlerror(); return NULL; }
	void *found = dlsym(lib, symbol);
	if (found == NULL) { *what = dlerror(); }
	return found;
}

// aat_ort_version calls OrtGetApiBase and returns the library's version, or NULL
// if it does not have the given C interface.
static const char *aat_ort_version(void *get_base, uint32_t api) {
	ort_base *b = ((ort_base *(*)(void))get_base)();
	if (b == NULL || b->get_api(api) == NULL) { return NULL; }
	return b->get_version_string();
}
*/
import "C"

import (
	"errors"
	"fmt"
	"strings"
	"unsafe"

	"github.com/gomlx/compute"
	"github.com/gomlx/go-xla/compute/xla"
	xlapjrt "github.com/gomlx/go-xla/pjrt"
)

// haveXLA says whether this build can load plugins.
const haveXLA = true

// ortAPI is the C interface version that the binding of internal/ort asks for.
const ortAPI = 29

// openXLA opens the plugin in this process and gives its PJRT API version. Only
// call it for a library that passed the probe, or in the probe's child.
func openXLA(path string) (compute.Backend, string, error) {
	xla.EnableAutoInstall(false)
	name, release, err := pluginName(path)
	if err != nil {
		return nil, "", err
	}
	defer release()
	backend, err := xla.New(name)
	if err != nil {
		return nil, "", err
	}
	plugin, err := xlapjrt.GetPlugin(name) // the one just loaded, from go-xla's cache
	if err != nil {
		backend.Finalize()
		return nil, "", err
	}
	major, minor := plugin.Version()
	return backend, fmt.Sprintf("%d.%d", major, minor), nil
}

// symbol opens a library in this process and finds a symbol in it. The error is
// the loader's own, without the path.
func symbol(path, name string) (unsafe.Pointer, error) {
	cPath, cName := C.CString(path), C.CString(name)
	defer C.free(unsafe.Pointer(cPath))
	defer C.free(unsafe.Pointer(cName))
	var what *C.char
	p := C.aat_symbol(cPath, cName, &what)
	if p == nil {
		return nil, errors.New(strings.TrimPrefix(C.GoString(what), path+": "))
	}
	return p, nil
}

// checkPJRT finds out whether the library loads and is a PJRT plugin. go-xla
// would too, with a message of four lines.
func checkPJRT(path string) error {
	_, err := symbol(path, xlapjrt.GetPJRTApiFunctionName)
	return err
}

// loadORT opens an ONNX Runtime library and gives its version.
func loadORT(path string) (string, error) {
	base, err := symbol(path, "OrtGetApiBase")
	if err != nil {
		return "", err
	}
	version := C.aat_ort_version(base, ortAPI)
	if version == nil {
		return "", fmt.Errorf("it is older than C interface %d, which this program needs", ortAPI)
	}
	return C.GoString(version), nil
}
