// bridge/os/signals.h
//
// Signals as flags. A handler only sets a flag and makes poll() return EINTR. A
// signal between asking and poll() is seen at the next wake-up, so the loop's
// poll needs a time limit (it wakes once a second anyway).
#pragma once

namespace bridge::os {

// SIGTERM and SIGINT stop, SIGHUP reloads, SIGPIPE is ignored.
void InstallSignalHandlers();

// Stays true once SIGTERM or SIGINT has come.
bool StopRequested();
bool ReloadRequested();
// True once for any number of SIGHUPs since the last call.
bool TakeReloadRequest();

}  // namespace bridge::os
