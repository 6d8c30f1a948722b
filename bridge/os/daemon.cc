#include "bridge/os/daemon.h"

#include <poll.h>
#include <sched.h>
#include <sys/mman.h>

#include <cerrno>
#include <map>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "bridge/base/status_macros.h"
#include "bridge/os/client_loop.h"
#include "bridge/os/errno_status.h"
#include "bridge/os/instance_lock.h"
#include "bridge/os/log_writer.h"
#include "bridge/os/signals.h"
#include "bridge/os/trace_file.h"

namespace bridge::os {
namespace {

constexpr int kCouldNotStart = 2;

// What was asked for and can't be had is worth a warning, not a refusal: the
// samples are as right without it, only later.
void ApplyRealtime(const Config::Realtime& realtime, const LogWriter& log) {
  if (realtime.priority > 0) {
    const sched_param parameters{.sched_priority = realtime.priority};
    if (sched_setscheduler(0, SCHED_FIFO, &parameters) != 0) {
      log.Write({Severity::kWarning,
                 std::string(ErrnoStatus(errno, "realtime.priority not applied",
                                         "it needs CAP_SYS_NICE")
                                 .message())});
    }
  }
  if (realtime.lock_memory && mlockall(MCL_CURRENT | MCL_FUTURE) != 0) {
    log.Write({Severity::kWarning,
               std::string(ErrnoStatus(errno, "realtime.lock_memory not applied",
                                       "it needs CAP_IPC_LOCK")
                               .message())});
  }
}

using Locks = std::map<std::string, InstanceLock>;

// What the daemon is the only one at: interfaces, or ptp4ls by their sockets.
std::set<std::string> Places(const Config& config) {
  std::set<std::string> names;
  for (const Config& port : PortConfigs(config)) {
    names.insert(config.role == Role::kCompanion
                     ? absl::StrCat("ptp4l socket ", port.companion.socket)
                     : port.ptp.interface);
  }
  return names;
}

// The locks of all places of `config`, and of no others.
absl::Status Lock(const Config& config, Locks& locks) {
  const std::set<std::string> wanted = Places(config);
  for (const std::string& name : wanted) {
    if (locks.count(name) > 0) continue;
    ASSIGN_OR_RETURN(InstanceLock lock, InstanceLock::Acquire(name));
    locks.emplace(name, std::move(lock));
  }
  std::erase_if(locks,
                [&wanted](const auto& held) { return wanted.count(held.first) == 0; });
  return absl::OkStatus();
}

// One file per port; FILE, FILE.2, FILE.3 ...; none without a name.
absl::StatusOr<std::vector<std::unique_ptr<TraceFile>>> CreateRecords(
    const std::string& name, size_t ports) {
  std::vector<std::unique_ptr<TraceFile>> records;
  for (size_t i = 0; !name.empty() && i < ports; ++i) {
    ASSIGN_OR_RETURN(records.emplace_back(),
                     TraceFile::Create(i == 0 ? name : absl::StrCat(name, ".", i + 1)));
  }
  return records;
}

// Reads the configuration again. True: `config` is another one now.
bool Reload(const DaemonOptions& options, const LogWriter& log, Config& config) {
  const auto loaded = options.reload();
  if (const auto* errors = std::get_if<std::vector<ConfigError>>(&loaded)) {
    for (const ConfigError& error : *errors) {
      log.Write({Severity::kError, absl::StrCat("reload: ", error.where, ": ",
                                                error.what, ": ", error.right)});
    }
    log.Write(
        {Severity::kError, "reload refused: the old configuration stays in force"});
    return false;
  }
  const Config& wanted = std::get<Config>(loaded);
  const std::vector<std::string> changes = DescribeChanges(config, wanted);
  for (const std::string& change : changes) {
    log.Write({Severity::kNotice, absl::StrCat("reload: ", change)});
  }
  if (changes.empty()) log.Write({Severity::kNotice, "reload: nothing has changed"});
  config = wanted;
  return !changes.empty();
}

}  // namespace

int RunDaemon(Config config, const DaemonOptions& options) {
  const LogWriter log;
  const auto fail = [&log](const absl::Status& status) {
    log.Write({Severity::kError, std::string(status.message())});
    return kCouldNotStart;
  };
  InstallSignalHandlers();
  Locks locks;
  if (absl::Status locked = Lock(config, locks); !locked.ok()) return fail(locked);
  auto records = CreateRecords(options.record, PortConfigs(config).size());
  if (!records.ok()) return fail(records.status());
  const auto open =
      [&](const Config& with) -> absl::StatusOr<std::unique_ptr<ClientLoop>> {
    RETURN_IF_ERROR(Lock(with, locks));
    return ClientLoop::Open(with, options.version, *records);
  };
  auto loop = open(config);
  if (!loop.ok()) return fail(loop.status());
  ApplyRealtime(config.realtime, log);
  log.Write({Severity::kNotice, absl::StrCat("refclockd ", options.version, " on ",
                                             absl::StrJoin(Places(config), ", "))});
  if (!records->empty()) {
    log.Write({Severity::kNotice, absl::StrCat("recording to ", options.record)});
  }
  Config before = config;  // The last that could be opened.
  const auto reopen = [&] {
    loop = open(config);
    if (loop.ok()) return;
    auto old = open(before);
    if (!old.ok()) return;  // Then the new one is not to blame.
    log.Write(
        {Severity::kError, absl::StrCat("reload failed: ", loop.status().message(),
                                        "; going back to the old configuration")});
    config = before;
    loop = std::move(old);
  };
  while (true) {
    if (loop.ok()) {
      (*loop)->Run();
    } else {
      // It ran before, so what is missing may come back: an interface, say.
      poll(nullptr, 0, 1000);
      reopen();
      if (loop.ok()) log.Write({Severity::kNotice, "reload: it could be opened now"});
    }
    if (StopRequested()) break;
    if (!TakeReloadRequest()) continue;
    if (loop.ok()) before = config;
    if (!Reload(options, log, config)) continue;
    // Everything is opened anew: a second of silence, and no half-changed state.
    if (loop.ok()) loop->reset();
    reopen();
    if (!loop.ok()) {
      log.Write({Severity::kError, absl::StrCat("reload: ", loop.status().message(),
                                                "; trying again once a second")});
    }
  }
  if (loop.ok()) loop->reset();
  log.Write({Severity::kNotice, "stopped; nothing is published or served any more"});
  return 0;
}

}  // namespace bridge::os
