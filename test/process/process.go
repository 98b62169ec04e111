// Package process starts child processes that end when this process ends, however it
// ends.
package process

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// Group starts processes. On Linux the kernel kills them when this process ends.
//
// The kernel sends the parent-death signal when the thread ends that started a process,
// and Go ends threads at will. So a single thread, which is kept, starts all of them.
type Group struct {
	jobs chan func()
}

// NewGroup returns a group without processes.
func NewGroup() *Group {
	g := &Group{jobs: make(chan func())}

	go func() {
		// It is never unlocked: the thread ends with the goroutine, after Close.
		runtime.LockOSThread()

		for job := range g.jobs {
			job()
		}
	}()

	return g
}

// Close kills every process that still runs. Start must not be called afterwards.
func (g *Group) Close() { close(g.jobs) }

// Options describe a process.
type Options struct {
	// Env are its environment variables; nil means those of this process.
	Env []string
	// Dir is its working directory.
	Dir string
	// Log is the file that its output is appended to.
	Log string
}

// Process is a child process.
type Process struct {
	name, log string

	cmd  *exec.Cmd
	done chan struct{}
	err  error
}

// Start starts a program. The name appears in errors.
func (g *Group) Start(name string, o Options, argv ...string) (*Process, error) {
	p := &Process{name: name, log: o.Log, done: make(chan struct{})}

	log, err := os.OpenFile(o.Log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("cannot write the log of %s: %w", name, err)
	}
	defer log.Close()

	p.cmd = exec.Command(argv[0], argv[1:]...) //nolint:noctx // It outlives the call, and is stopped or killed by name.
	p.cmd.Env, p.cmd.Dir = o.Env, o.Dir
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.SysProcAttr = attributes()

	started := make(chan error)
	g.jobs <- func() { started <- p.cmd.Start() }

	if err := <-started; err != nil {
		return nil, fmt.Errorf("cannot start %s: %w", name, err)
	}

	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()

	return p, nil
}

// PID returns the process's ID.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done returns a channel that is closed once the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err returns how the process ended: nil for exit code 0. It may be called once Done
// is closed.
func (p *Process) Err() error { return p.err }

// Kill sends SIGKILL and returns once the process has ended.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill() // It may have ended already.
	<-p.done
}

// Terminate sends SIGTERM and returns an error unless the process ends within the given
// time, with exit code 0.
func (p *Process) Terminate(within time.Duration) error {
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

// Ended returns an error with the end of the log if the process has ended.
func (p *Process) Ended() error {
	select {
	case <-p.done:
		return fmt.Errorf("%s ended (%w); the end of its log:\n%s", p.name, p.err, Tail(p.log))
	default:
		return nil
	}
}

// FreeAddress returns an address of a host, such as 127.0.0.1, with a free port.
func FreeAddress(host string) (string, error) {
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0")) //nolint:noctx // It does not wait.
	if err != nil {
		return "", fmt.Errorf("cannot find a free port: %w", err)
	}

	return l.Addr().String(), l.Close()
}

// Tail returns the end of a file, for messages.
func Tail(file string) string {
	const most = 4096

	b, err := os.ReadFile(file)
	if err != nil {
		return err.Error()
	}

	return string(b[max(0, len(b)-most):])
}
