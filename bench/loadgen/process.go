package main

// Starting and ending the servers, and what the kernel says of them.

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

type server struct {
	folder  string
	address string
	command *exec.Cmd
	exited  chan struct{}
}

func launch(folder, address string, environment []string, program string, arguments ...string) (*server, error) {
	out, err := os.Create(filepath.Join(folder, "output.log"))
	if err != nil {
		return nil, err
	}
	command := exec.Command(program, arguments...)
	command.Stdout, command.Stderr = out, out
	command.Env = append(os.Environ(), environment...)
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := command.Start(); err != nil {
		return nil, err
	}
	s := &server{folder, address, command, make(chan struct{})}
	go func() { _ = command.Wait(); out.Close(); close(s.exited) }()
	return s, nil
}

// stop ends the process that launch started, and removes its state.
func (s *server) stop() {
	_ = s.command.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.exited:
	case <-time.After(10 * time.Second):
		_ = s.command.Process.Kill()
		<-s.exited
	}
	os.RemoveAll(s.folder)
}

func (s *server) waitUntilListening(limit time.Duration) error {
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		select {
		case <-s.exited:
			return fmt.Errorf("the server ended at its start: %s", s.output())
		default:
		}
		if c, err := net.Dial("tcp", s.address); err == nil {
			return c.Close()
		}
	}
	return errors.New("the server does not listen: " + s.output())
}

func (s *server) output() string {
	data, _ := os.ReadFile(filepath.Join(s.folder, "output.log"))
	return string(data[max(0, len(data)-2000):])
}

func (s *server) cpuSeconds() float64 {
	data := must(os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.command.Process.Pid)))
	fields := strings.Fields(string(data[strings.LastIndexByte(string(data), ')')+2:]))
	ticks := must(strconv.ParseFloat(fields[11], 64)) + must(strconv.ParseFloat(fields[12], 64))
	return ticks / 100
}

func (s *server) peakMiB() float64 {
	data := must(os.ReadFile(fmt.Sprintf("/proc/%d/status", s.command.Process.Pid)))
	for line := range strings.Lines(string(data)) {
		if value, found := strings.CutPrefix(line, "VmHWM:"); found {
			return must(strconv.ParseFloat(strings.Fields(value)[0], 64)) / 1024
		}
	}
	return 0
}

// resetPeak lets the peak count from now on.
func (s *server) resetPeak() {
	_ = os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", s.command.Process.Pid), []byte("5"), 0)
}

func cpuSecondsOf(servers []*server) (sum float64) {
	for _, s := range servers {
		sum += s.cpuSeconds()
	}
	return sum
}

// largestMiB is the peak of the process that had the highest.
func largestMiB(servers []*server) (most float64) {
	for _, s := range servers {
		most = max(most, s.peakMiB())
	}
	return most
}

func ownCPUSeconds() float64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return float64(usage.Utime.Sec+usage.Stime.Sec) + float64(usage.Utime.Usec+usage.Stime.Usec)/1e6
}

func freeAddress() string {
	listener := must(net.Listen("tcp", "127.0.0.1:0"))
	defer listener.Close()
	return listener.Addr().String()
}
