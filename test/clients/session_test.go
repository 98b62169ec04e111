//go:build e2e

package clients

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cistern-dev/cistern/test/dev/tools"
)

// envName matches what Kubernetes makes a variable of with envFrom.
var envName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// session is a client with one Secret: what a container of a pod is.
type session struct {
	*client

	data map[string][]byte
	env  []string
	home string
}

// newSession gives a Secret to a client: as variables, and as files in $MNT.
func newSession(t *testing.T, c *client, data map[string][]byte) *session {
	t.Helper()

	home := t.TempDir()
	mnt := filepath.Join(home, "mnt")

	if err := os.Mkdir(mnt, 0o755); err != nil {
		t.Fatal(err)
	}

	// Container runtimes set PATH and HOME. PYTHONPATH and NODE_PATH lead to what is not
	// installed on this machine.
	s := &session{client: c, data: data, home: home, env: append([]string{"HOME=" + home, "MNT=" + mnt}, found.environment(c)...)}

	for _, key := range slices.Sorted(maps.Keys(data)) {
		if err := os.WriteFile(filepath.Join(mnt, key), data[key], 0o600); err != nil {
			t.Fatal(err)
		}

		if envName.MatchString(key) {
			s.env = append(s.env, key+"="+string(data[key]))
		}
	}

	return s
}

// variables returns the variables of the Secret, and those that the client needs beside it.
func (s *session) variables() []string {
	env := s.env

	for _, e := range s.client.env {
		// A server without a CA of its own needs no file.
		if _, ok := s.data["ca.crt"]; ok || !strings.Contains(e, "ca.crt") {
			env = append(slices.Clip(env), os.Expand(e, s.variable))
		}
	}

	return env
}

// variable returns the value of a variable of the Secret.
func (s *session) variable(name string) string {
	for _, e := range s.env {
		if value, ok := strings.CutPrefix(e, name+"="); ok {
			return value
		}
	}

	return ""
}

// has reports whether the client has an operation.
func (s *session) has(op string) bool {
	_, line := s.operations[op]
	_, native := s.native[op]

	return line || native
}

// do carries out an operation, and returns what the client printed.
func (s *session) do(ctx context.Context, op string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()

	if f := s.native[op]; f != nil {
		return f(ctx, s, args...)
	}

	return s.shell(ctx, s.operations[op], args...)
}

// shell runs a line of a shell with what the client needs. Its error has what the line
// printed.
func (s *session) shell(ctx context.Context, line string, args ...string) (string, error) {
	if s.flags != "" {
		line = fmt.Sprintf("%s() { command %s %s \"$@\"; }\n%s", s.program, s.program, s.flags, line)
	}

	return s.run(ctx, s.variables(), line, args...)
}

// run runs a line of a shell with variables. All that it started ends with it.
func (s *session) run(ctx context.Context, env []string, line string, args ...string) (string, error) {
	process := s.process
	process.Setpgid = true

	cmd := exec.CommandContext(ctx, "/bin/sh", append([]string{"-euc", line, "sh"}, args...)...)
	cmd.Dir, cmd.Env, cmd.SysProcAttr, cmd.WaitDelay = s.home, env, &process, time.Second
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }

	var stdout, stderr bytes.Buffer

	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("%w: %s%s", err, last(stderr.String()), last(stdout.String()))
	}

	return stdout.String(), nil
}

// last returns the end of a text.
func last(s string) string { return s[max(0, len(s)-600):] }

// must carries out an operation that has to succeed.
func (s *session) must(t *testing.T, op string, args ...string) string {
	t.Helper()

	out, err := s.do(t.Context(), op, args...)
	if err != nil {
		t.Fatalf("%s: %v", op, err)
	}

	return out
}

// wantRefused carries out an operation that the server has to deny, and checks that the
// client says so.
func (s *session) wantRefused(t *testing.T, op, words string, args ...string) {
	t.Helper()

	out, err := s.do(t.Context(), op, args...)
	if err == nil {
		t.Errorf("%s: want an error, got success: %s", op, out)
	} else if !regexp.MustCompile(words).MatchString(err.Error()) {
		t.Errorf("%s: want the client to say %s, got %v", op, words, err)
	}
}

// programs are the directories of what was found on this machine and in the cache.
type programs struct {
	debian, services, node string
	chromium               tools.Chromium
	// pinned are the paths of pinned programs by name.
	pinned map[string]string
	// missing has the reason for each program that cannot be had, and for the Console if
	// its browser cannot.
	missing map[string]error
}

// environment returns the variables that lead a client to its program.
func (p programs) environment(c *client) []string {
	var path, libraries []string

	if program, ok := p.pinned[c.pinned]; ok {
		path = append(path, filepath.Dir(program))
	}

	for _, root := range []string{p.debian, p.services} {
		if root == "" {
			continue
		}

		path = append(path, filepath.Join(root, "usr/bin"), filepath.Join(root, "usr/lib/postgresql/15/bin"))

		for _, pattern := range []string{"usr/lib/*-linux-gnu*", "lib/*-linux-gnu*"} {
			found, _ := filepath.Glob(filepath.Join(root, pattern)) // the pattern is valid
			libraries = append(libraries, found...)
		}
	}

	path = append(path, "/usr/bin", "/bin", "/usr/local/bin")
	if node, err := exec.LookPath("node"); err == nil {
		path = append(path, filepath.Dir(node))
	}

	return []string{
		"PATH=" + strings.Join(path, ":"),
		"SCRIPTS=" + scripts,
		"PYTHONPATH=" + filepath.Join(p.debian, "usr/lib/python3/dist-packages") + ":" + filepath.Join(p.debian, "usr/share/s3cmd"),
		"PYTHONDONTWRITEBYTECODE=1",
		"NODE_PATH=" + p.node,
		"LD_LIBRARY_PATH=" + strings.Join(libraries, ":"),
	}
}

// lacks returns why a client cannot run, or nil.
func (p programs) lacks(c *client) error {
	if c.native != nil {
		return nil
	}

	if err := p.missing[c.program]; err != nil && c.pinned == "" {
		return err
	}

	if c == curl {
		if _, err := exec.LookPath(c.program); err != nil {
			return errors.New("curl is not on this machine")
		}
	}

	if c == s3fs {
		f, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
		if err != nil {
			return fmt.Errorf("no FUSE: %w", err)
		}
		defer f.Close()
	}

	cmd := exec.CommandContext(context.Background(), "/bin/true")
	cmd.SysProcAttr = &c.process

	if err := cmd.Run(); err != nil {
		return fmt.Errorf("no namespace of its own: %w", err)
	}

	return nil
}
