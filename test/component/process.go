package component

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// children starts processes that end when this one does, however it ends.
//
// The kernel counts the end of the thread that started a process as the end of
// its parent, and Go lets threads go as it likes: so all are started by one
// thread, which is kept.
type children struct {
	jobs chan func()
	dir  string
}

func newChildren(dir string) *children {
	c := &children{jobs: make(chan func()), dir: dir}

	go func() {
		// Never unlocked: the thread goes with the goroutine, after close.
		runtime.LockOSThread()

		for job := range c.jobs {
			job()
		}
	}()

	return c
}

// close ends every process that was started.
func (c *children) close() { close(c.jobs) }

// process is a child process.
type process struct {
	name string
	log  string
	cmd  *exec.Cmd
	// done is closed once the process has ended; err is set before.
	done chan struct{}
	err  error
}

// start starts a program. What it prints goes to the end of a log that is named
// after it.
func (c *children) start(name string, env []string, argv ...string) (*process, error) {
	p := &process{name: name, log: c.dir + "/" + name + ".log", done: make(chan struct{})}

	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("cannot write the log of %s: %w", name, err)
	}
	defer log.Close()

	p.cmd = exec.Command(argv[0], argv[1:]...)
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Dir = c.dir
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.SysProcAttr = &unix.SysProcAttr{Pdeathsig: unix.SIGKILL}

	started := make(chan error)
	c.jobs <- func() { started <- p.cmd.Start() }

	if err := <-started; err != nil {
		return nil, fmt.Errorf("cannot start %s: %w", name, err)
	}

	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()

	return p, nil
}

// kill ends the process at once and returns when it has ended.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // It may have ended already.
	<-p.done
}

// terminate asks the process to end, and returns an error if it does not within
// a time, or not with exit code 0.
func (p *process) terminate(within time.Duration) error {
	if err := p.cmd.Process.Signal(unix.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("cannot stop %s: %w", p.name, err)
	}

	select {
	case <-p.done:
		if p.err != nil {
			return fmt.Errorf("%s did not end well: %w", p.name, p.err)
		}

		return nil
	case <-time.After(within):
		return fmt.Errorf("%s runs %s after it was told to stop", p.name, within)
	}
}

// ended says why the process has ended, and nothing while it runs.
func (p *process) ended() error {
	select {
	case <-p.done:
		return fmt.Errorf("%s ended (%w); the end of its log:\n%s", p.name, p.err, tail(p.log))
	default:
		return nil
	}
}

// tail returns the end of a file, for people.
func tail(file string) string {
	const most = 4096

	b, err := os.ReadFile(file)
	if err != nil {
		return err.Error()
	}

	return string(b[max(0, len(b)-most):])
}
