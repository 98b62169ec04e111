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

// children starts processes that end when this process ends, however it ends.
//
// The kernel sends the parent-death signal when the thread ends that started a process,
// and Go ends threads at will. So a single thread, which is kept, starts all of them.
type children struct {
	jobs chan func()
	dir  string
}

func newChildren(dir string) *children {
	c := &children{jobs: make(chan func()), dir: dir}

	go func() {
		// It is never unlocked: the thread ends with the goroutine, after close.
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

// start starts a program. Its output is appended to a log named after it.
func (c *children) start(name string, env []string, argv ...string) (*process, error) {
	p := &process{name: name, log: c.dir + "/" + name + ".log", done: make(chan struct{})}

	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("cannot write the log of %s: %w", name, err)
	}
	defer log.Close()

	p.cmd = exec.Command(argv[0], argv[1:]...) //nolint:noctx // It outlives the call, and is stopped or killed by name.
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

// kill sends SIGKILL and returns once the process has ended.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // It may have ended already.
	<-p.done
}

// terminate sends SIGTERM and returns an error unless the process ends within the given
// time, with exit code 0.
func (p *process) terminate(within time.Duration) error {
	if err := p.cmd.Process.Signal(unix.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("cannot stop %s: %w", p.name, err)
	}

	select {
	case <-p.done:
		if p.err != nil {
			return fmt.Errorf("%s exited with an error: %w", p.name, p.err)
		}

		return nil
	case <-time.After(within):
		return fmt.Errorf("%s still runs %s after SIGTERM", p.name, within)
	}
}

// ended returns an error with the end of the log if the process has ended.
func (p *process) ended() error {
	select {
	case <-p.done:
		return fmt.Errorf("%s ended (%w); the end of its log:\n%s", p.name, p.err, tail(p.log))
	default:
		return nil
	}
}

// tail returns the end of a file, for messages.
func tail(file string) string {
	const most = 4096

	b, err := os.ReadFile(file)
	if err != nil {
		return err.Error()
	}

	return string(b[max(0, len(b)-most):])
}
