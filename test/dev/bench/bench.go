// Package bench measures how fast Cistern is, what it costs and how that grows,
// on a platform that is up, and prints and writes down the figures.
//
// Everything is measured from outside: by watching the cluster, by the metrics
// that provider, function and API server serve, and by what the kernel says of
// the processes. Nothing here depends on how fast anything is; a part fails only
// if it could not be measured.
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

// bench is what all parts need.
type bench struct {
	Options
	*cluster

	out io.Writer
	// repo is the root of the clone, packages the directory of the programs that
	// were installed.
	repo, packages string

	// population are the pairs of Bucket and User that are left alone, once there
	// are some.
	population []id
	// back puts the provider back to how it was run before, if it was changed.
	back func(context.Context) error
}

// parts in the order in which they are measured. Those after steady find its
// resources there.
var parts = []struct {
	name, title string
	run         func(*bench, context.Context, *Part) error
}{
	{"latency", "claims, one at a time", (*bench).latency},
	{"burst", "claims, resources and bare calls, all at once", (*bench).burst},
	{"rotation", "claims rotated, and then deleted, all at once", (*bench).rotation},
	{"function", "the composition function by itself", (*bench).function},
	{"steady", "resources that nobody touches", (*bench).steady},
	{"restart", "the provider is restarted", (*bench).restarted},
}

// Run measures a platform that is up, with the packages whose programs are in a
// directory. It prints each part when it is done, and writes all of them to a
// file unless it was interrupted. What it made is gone when it returns.
func Run(ctx context.Context, p *platform.Platform, repo, packages, file string, o Options, out io.Writer) (err error) {
	o = o.complete()
	r := &Report{Date: time.Now().UTC().Truncate(time.Second), Options: o, Machine: thisMachine()}
	r.printHead(out)

	// The watch must outlive the context: what was made is seen to be gone by it.
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
		return failed // Half a run is no reason to lose the file of a whole one.
	}

	if err := r.write(file); err != nil {
		return errors.Join(failed, err)
	}

	fmt.Fprintf(out, "\nThe same for programs: %s\n", file)

	return failed
}

// measure measures all parts that are asked for. One that fails keeps none of the
// others from being measured.
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

// leave removes all that was made, and puts the provider back. The caller's
// context may be the reason to do so: it is not listened to.
func (b *bench) leave(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Minute)
	defer cancel()

	fmt.Fprintln(b.out, "\nRemoving what was made.")

	err := b.remove(ctx)
	if b.back != nil {
		err = errors.Join(err, b.back(ctx))
	}

	return err
}
