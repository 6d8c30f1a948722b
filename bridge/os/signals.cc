#include "bridge/os/signals.h"

#include <csignal>

namespace bridge::os {
namespace {

volatile std::sig_atomic_t g_stop = 0;
volatile std::sig_atomic_t g_reload = 0;

void OnSignal(int signal) { (signal == SIGHUP ? g_reload : g_stop) = 1; }

void Handle(int signal, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;  // Without SA_RESTART.
  sigaction(signal, &action, nullptr);
}

}  // namespace

void InstallSignalHandlers() {
  Handle(SIGTERM, OnSignal);
  Handle(SIGINT, OnSignal);
  Handle(SIGHUP, OnSignal);
  Handle(SIGPIPE, SIG_IGN);
}

bool StopRequested() { return g_stop != 0; }

bool ReloadRequested() { return g_reload != 0; }

bool TakeReloadRequest() {
  if (g_reload == 0) return false;
  g_reload = 0;
  return true;
}

}  // namespace bridge::os
