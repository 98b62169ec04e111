// Package bench measures the speed and the resource usage of Cistern, and how both
// grow with the number of resources. It runs on a platform that is up, prints the
// figures, and writes them to a file.
//
// All figures come from outside of the programs: from watches of the cluster, from
// the metrics of provider, function and API server, and from the kernel's process
// statistics. There are no thresholds: a part fails only if it cannot be measured.
package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/cistern-dev/cistern/test/dev/platform"
)

// bench is the state that the parts share.
type bench struct {
	Options
	*cluster

	out io.Writer
	// repo is the root of the clone, packages the directory of the installed
	// packages' programs.
	repo, packages string

	// population are the pairs of Bucket and User that populate has made.
	population []id
	// restore restores the provider's configuration; nil if it was not changed.
	restore func(context.Context) error
}

// parts are in the order in which they are measured. Those after steady use its
// resources.
var parts = []struct {
	name, title string
	run         func(*bench, context.Context, *Part) error
}{
	{"latency", "claims, one at a time", (*bench).latency},
	{"requests", "requests to the API server for each claim, and what causes passes of Crossplane", (*bench).requests},
	{"burst", "claims, resources and bare calls, all at once", (*bench).burst},
	{"rotation", "claims rotated, and then deleted, all at once", (*bench).rotation},
	{"function", "the composition function by itself", (*bench).function},
	{"steady", "resources at rest", (*bench).steady},
	{"restart", "the provider is restarted", (*bench).providerRestart},
}

// Run measures a platform that is up; packages is the directory of the installed
// packages' programs. It prints each part when it is done, and writes all parts to
// a file unless it is interrupted. It removes what it made before it returns.
func Run(ctx context.Context, p *platform.Platform, repo, packages, file string, o Options, out io.Writer) (err error) {
	o = o.complete()
	r := &Report{Date: time.Now().UTC().Truncate(time.Second), Options: o, Machine: thisMachine()}
	r.printHead(out)

	// The watch must outlive the context: removing waits for deletions by it.
	watching, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()

	c, err := connect(watching, p)
	if err != nil {
		return err
	}

	b := &bench{Options: o, cluster: c, out: out, repo: repo, packages: packages}
	defer func() { err = errors.Join(err, b.leave(ctx)) }()

	failed := b.measure(ctx, r)
	if ctx.Err() != nil {
		return failed // Do not replace the file of a complete run.
	}

	if err := r.write(file); err != nil {
		return errors.Join(failed, err)
	}

	fmt.Fprintf(out, "\nThe figures as JSON: %s\n", file)

	return failed
}

// measure measures the parts of the options. After a part that fails, it continues
// with the next one.
func (b *bench) measure(ctx context.Context, r *Report) error {
	var failed []error

	for _, part := range parts {
		if len(b.Only) > 0 && !slices.Contains(b.Only, part.name) {
			continue
		}

		if ctx.Err() != nil {
			return errors.Join(append(failed, fmt.Errorf("interrupted: %w", context.Cause(ctx)))...)
		}

		p := &Part{Name: part.name, Title: part.title, Load: load()}
		r.Parts = append(r.Parts, p)
		began := time.Now()

		if err := part.run(b, ctx, p); err != nil {
			p.Error = err.Error()
			failed = append(failed, fmt.Errorf("cannot measure %s: %w", part.name, err))
		}

		p.Took = time.Since(began).Seconds()

		p.print(b.out)
	}

	return errors.Join(failed...)
}

// leave removes what was made, and restores the provider's configuration. It does
// so even if the context has ended.
func (b *bench) leave(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Minute)
	defer cancel()

	fmt.Fprintln(b.out, "\nRemoving what the benchmark made.")

	err := b.remove(ctx)
	if b.restore != nil {
		err = errors.Join(err, b.restore(ctx))
	}

	return err
}
