package finetune

import (
	"fmt"
	"strings"
)

// ConfigError says that a field of a [Config] has a value that cannot be used.
type ConfigError struct {
	Field string // the name in Config, such as "BatchSize"
	Got   any
	Want  string // in words, such as "at least 1"
}

// Error names the field in words, its value, and what it may be.
func (e *ConfigError) Error() string {
	words, ok := map[string]string{
		"Epochs":          "the number of epochs",
		"BatchSize":       "the batch size",
		"LearningRate":    "the learning rate",
		"WeightDecay":     "the weight decay",
		"Beta1":           "the decay of the first moment (beta1)",
		"Beta2":           "the decay of the second moment (beta2)",
		"Epsilon":         "epsilon",
		"DecayFrom":       "the first epoch with a smaller rate",
		"Decay":           "the factor on the learning rate",
		"CheckpointEvery": "the number of steps between checkpoints",
		"Precision":       "the precision",
		"Out":             "the run folder",
		"Backend":         "the backend",
	}[e.Field]
	if !ok {
		words = "the field " + e.Field
	}
	return fmt.Sprintf("%s is %v, want %s", words, e.Got, e.Want)
}

// CheckpointError says that a saved state cannot be continued from: damaged, or
// made by another configuration, model or set of recordings.
type CheckpointError struct {
	Path string // file or run folder
	What string // what is wrong, got and want, what to do
	Err  error  // cause, if any
}

// Error gives the path, what is wrong, and the cause.
func (e *CheckpointError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("checkpoint %s: %s: %v", e.Path, e.What, e.Err)
	}
	return fmt.Sprintf("checkpoint %s: %s", e.Path, e.What)
}

// Unwrap gives the cause.
func (e *CheckpointError) Unwrap() error { return e.Err }

// DivergedError says that training left the finite numbers. Nothing that is not
// finite was saved: the newest checkpoint is from before.
type DivergedError struct {
	Step  int    // the optimiser step, from 1
	Epoch int    // its epoch, from 1
	Where string // the first tensor found not finite: a batch's recording, a weight, or the loss
}

// divergedAt starts the text of every DivergedError; a run's log is searched for it.
const divergedAt = "training diverged at "

func tellsOfDivergence(message string) bool { return strings.HasPrefix(message, divergedAt) }

// Error names the step and the first bad tensor.
func (e *DivergedError) Error() string {
	return fmt.Sprintf(divergedAt+"step %d (epoch %d): %s is not finite", e.Step, e.Epoch, e.Where)
}

// LockedError says that another process works in the run folder.
type LockedError struct {
	Dir  string
	PID  int    // 0: unknown
	Host string // "": unknown
}

// Error names the folder and who holds it.
func (e *LockedError) Error() string {
	who := "another process"
	if e.PID != 0 {
		who = fmt.Sprintf("process %d on %s", e.PID, e.Host)
	}
	return fmt.Sprintf("run folder %s is in use by %s", e.Dir, who)
}
