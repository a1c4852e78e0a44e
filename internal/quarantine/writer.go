package quarantine

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"
)

// run does on the disk what is queued, until Close.
func (s *Store) run() {
	defer close(s.done)
	ticker := time.NewTicker(agePeriod)
	defer ticker.Stop()
	for {
		select {
		case <-s.wake:
		case <-ticker.C:
			s.mu.Lock()
			s.ageLocked()
			s.mu.Unlock()
		}
		for s.step() {
		}
		s.mu.Lock()
		end := s.closed && len(s.queue) == 0
		s.mu.Unlock()
		if end {
			return
		}
	}
}

// step does the oldest job; false when there is none.
func (s *Store) step() bool {
	s.mu.Lock()
	s.working = false
	if len(s.queue) == 0 {
		for _, c := range s.idle {
			close(c)
		}
		s.idle = nil
		s.mu.Unlock()
		return false
	}
	j := s.queue[0]
	s.queue[0] = job{}
	s.queue = s.queue[1:]
	s.working = true
	if j.note {
		j.file.noted = false
	}
	known, void := *j.file, j.file.gone
	s.mu.Unlock()

	err := s.do(&j, &known, void)

	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting -= int64(len(j.body))
	if err != nil && j.body != nil {
		s.forgetLocked(j.file)
	}
	return true
}

// do does one job. void says that the file was removed meanwhile.
func (s *Store) do(j *job, known *File, void bool) error {
	var err error
	switch {
	case j.body == nil && !j.note:
		err = s.erase(known.Name)
	case void:
		return nil
	case j.note:
		err = s.writeNote(known)
	default:
		err = s.write(known, j.body)
		if errors.Is(err, syscall.ENOSPC) && s.sacrifice(j.file) {
			err = s.write(known, j.body)
		}
	}
	if err != nil && s.opts.Failed != nil {
		s.opts.Failed(known.Name, err)
	}
	return err
}

// sacrifice frees as much of a full disk as f takes by removing the oldest others, if
// that is allowed.
func (s *Store) sacrifice(f *File) bool {
	s.mu.Lock()
	var victims []*File
	freed := int64(0)
	if s.set.Overwrite {
		for _, v := range s.listLocked() {
			if freed >= f.Size {
				break
			}
			if v != f {
				s.forgetLocked(v)
				victims = append(victims, v)
				freed += v.Size
			}
		}
	}
	s.mu.Unlock()
	for _, v := range victims {
		if err := s.erase(v.Name); err != nil && s.opts.Failed != nil {
			s.opts.Failed(v.Name, err)
		}
	}
	return len(victims) > 0
}

// Flush waits until all that was promised is on the disk, or not.
func (s *Store) Flush(ctx context.Context) error {
	s.mu.Lock()
	if len(s.queue) == 0 && !s.working {
		s.mu.Unlock()
		return nil
	}
	c := make(chan struct{})
	s.idle = append(s.idle, c)
	s.mu.Unlock()
	select {
	case <-c:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Close writes what waits and ends. A disk that does not answer is not waited for
// longer than ctx allows.
func (s *Store) Close(ctx context.Context) error {
	s.mu.Lock()
	s.closed = true
	select {
	case s.wake <- struct{}{}:
	default:
	}
	s.mu.Unlock()
	select {
	case <-s.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("closing the quarantine: %w", context.Cause(ctx))
	}
}
