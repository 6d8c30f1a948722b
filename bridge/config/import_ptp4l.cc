#include "bridge/config/import_ptp4l.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "bridge/config/ptp4l_importer.h"
#include "bridge/config/ptp4l_options.h"
#include "bridge/time/release_leaps.h"

namespace bridge {

int ToInt(const Ptp4lSetting& setting) {
  return static_cast<int>(Ptp4lNumber(*setting.option, setting.value).value_or(0));
}

bool IsWord(const Ptp4lSetting* setting, absl::string_view word) {
  return setting && absl::EqualsIgnoreCase(setting->value, word);
}

int64_t ToWhole(absl::string_view value) {
  static const Ptp4lOption* const any = FindPtp4lOption("ntpshm_segment");
  return static_cast<int64_t>(Ptp4lNumber(*any, value).value_or(0));
}

std::string LineOf(const Ptp4lSetting& setting) {
  return absl::StrCat("line ", setting.line, ": ", setting.written,
                      setting.mended ? ", as it is meant" : "");
}

// ---- What is there.

const Ptp4lSetting* Ptp4lImporter::Take(absl::string_view name,
                                        std::optional<size_t> port) {
  const Ptp4lSetting* setting = conf_.Find(name, port);
  if (setting) taken_.insert(setting);
  return setting;
}

bool Ptp4lImporter::IsOn(absl::string_view name, std::optional<size_t> port) const {
  const Ptp4lSetting* setting = conf_.Find(name, port);
  return setting && ToInt(*setting) != 0;
}

std::string Ptp4lImporter::Source() const {
  const Phc2sysOption* source = phc2sys_.Find('s');
  if (!source) source = phc2sys_.Find('i');
  return source ? source->value : "";
}

std::string Ptp4lImporter::Sink() const {
  const Phc2sysOption* sink = phc2sys_.Find('c');
  return sink ? sink->value : "";
}

bool Ptp4lImporter::FeedsNtp() const {
  const Phc2sysOption* servo = phc2sys_.Find('E');
  return servo && (absl::EqualsIgnoreCase(servo->value, "ntpshm") ||
                   absl::EqualsIgnoreCase(servo->value, "refclock_sock"));
}

// ---- What kind of host this is.

// The first line that refclockd could not follow.
const Ptp4lSetting* Ptp4lImporter::NeedsPtp4l() const {
  for (const Ptp4lSetting& setting : conf_.settings) {
    if (setting.option->Is(Ptp4lOption::kMatters) &&
        !IsPtp4lDefault(*setting.option, setting.value)) {
      return &setting;
    }
  }
  return nullptr;
}

void Ptp4lImporter::ChooseRole() {
  FindMasterSigns();
  if (request_.role) {
    role_ = *request_.role;
    role_origin_ = "--role";
  } else if (!master_signs_.empty()) {
    role_ = Role::kGrandmaster;
    role_origin_ = absl::StrJoin(master_signs_, "; ");
  } else if (IsBoundaryClock() && !IsOn("clientOnly", {})) {
    role_ = Role::kCompanion;
    role_origin_ = "ptp4l has to stay: a boundary clock, which refclockd is not";
  } else if (const Ptp4lSetting* needed = NeedsPtp4l()) {
    role_ = Role::kCompanion;
    role_origin_ = absl::StrCat("ptp4l has to stay for line ", needed->line, ": ",
                                needed->written);
  }
}

// ---- Into drafts.

bool Ptp4lImporter::Put(ImportDraft& into, absl::string_view key,
                        const OptionValue& value, Origin origin) {
  const auto problem = into.Put(key, value, origin.comment);
  if (!problem) return true;
  std::string what =
      absl::StrCat("left out, refclockd does not do that: ", problem->what);
  std::string right = absl::StrCat(key, ": ", problem->right);
  if (origin.setting) {
    refused_.insert(origin.setting);
    taken_.erase(origin.setting);
    Attend(*origin.setting, std::move(what), std::move(right));
  } else {
    phc2sys_left_out_.push_back(absl::StrCat(origin.comment, ": ", kRefused));
    Attend(std::move(origin.comment), std::move(what), std::move(right));
  }
  return false;
}

void Ptp4lImporter::PutWhole(ImportDraft& into, absl::string_view key,
                             absl::string_view name, std::optional<size_t> port) {
  const Ptp4lSetting* setting = conf_.Find(name, port);
  if (setting) PutUnlessDefault(into, key, {int64_t{ToInt(*setting)}}, *setting);
}

// Signs are linuxptp's: asymmetry positive if the way from the master is longer, and
// half of the difference; latencies subtracted from receive, added to transmit stamps.
void Ptp4lImporter::PutNanoseconds(ImportDraft& into, absl::string_view key,
                                   absl::string_view name, std::optional<size_t> port) {
  const Ptp4lSetting* setting = conf_.Find(name, port);
  if (setting) {
    PutUnlessDefault(into, key, {absl::StrCat(ToInt(*setting), "ns")}, *setting);
  }
}

void Ptp4lImporter::PutUnlessDefault(ImportDraft& into, absl::string_view key,
                                     const OptionValue& value,
                                     const Ptp4lSetting& setting) {
  const Option& option = *FindOption(key);
  Config one;
  if (!MattersTo(role_, option)) return;
  if (!option.set(value, one) && option.get(one) == option.Default()) return;
  taken_.insert(&setting);
  Put(into, key, value, setting);
}

void Ptp4lImporter::PutRole() {
  const Ptp4lSetting* client_only = Take("clientOnly", {});
  std::string origin = role_origin_;
  if (role_ == Role::kClient && client_only && ToInt(*client_only) == 1) {
    origin = LineOf(*client_only);
  } else if (client_only) {
    taken_.erase(client_only);
  }
  const char* word = role_ == Role::kClient        ? "client"
                     : role_ == Role::kCompanion   ? "companion"
                     : role_ == Role::kGrandmaster ? "grandmaster"
                                                   : "auto";
  Put(file_, "role", {std::string(word)}, std::move(origin));
}

void Ptp4lImporter::PutInterface(ImportDraft& into, std::optional<size_t> port) {
  if (port) {
    const Ptp4lPort& from = conf_.ports[*port];
    Put(into, "ptp.interface", {from.name},
        absl::StrCat("line ", from.line, ": [", from.name, "]"));
    return;
  }
  const bool outward = Serves() && Source() == "CLOCK_REALTIME";
  const std::string clock = outward ? Sink() : Source();
  if (!request_.interface.empty()) {
    Put(into, "ptp.interface", {request_.interface}, "--interface");
  } else if (!clock.empty() && clock[0] != '/' && clock != "CLOCK_REALTIME") {
    Put(into, "ptp.interface", {clock},
        absl::StrCat("phc2sys ", outward ? "-c " : "-s ", Printable(clock)));
    phc2sys_taken_.insert(outward ? 'c' : 's');
  } else if (role_ != Role::kCompanion) {
    Attend(request_.file_name, "the file names no interface: ptp4l is told by -i",
           "--interface=eth0, or write it into [ptp]");
  }
}

void Ptp4lImporter::PutWire(ImportDraft& into, std::optional<size_t> port) {
  const Ptp4lSetting* transport = Take("network_transport", port);
  const bool l2 = IsWord(transport, "L2");
  const bool udp6 = IsWord(transport, "UDPv6");
  Put(into, "ptp.transport",
      {std::string(l2     ? "l2"
                   : udp6 ? "udp6"
                          : "udp4")},
      transport ? Origin(*transport) : "ptp4l's default");
  PutDelay(into, port);
  PutWhole(into, "ptp.domain", "domainNumber", port);
  if (const Ptp4lSetting* stamps = Take("time_stamping", port)) {
    const bool software = IsWord(stamps, "software");
    Put(into, "ptp.timestamping", {std::string(software ? "software" : "hardware")},
        *stamps);
  }
  PutWhole(into, "ptp.minor_version", "ptp_minor_version", port);
  PutWhole(into, "ptp.announce_interval", "logAnnounceInterval", port);
  PutWhole(into, "ptp.announce_receipt_timeout", "announceReceiptTimeout", port);
  PutNanoseconds(into, "ptp.delay_asymmetry", "delayAsymmetry", port);
  PutNanoseconds(into, "ptp.ingress_latency", "ingressLatency", port);
  PutNanoseconds(into, "ptp.egress_latency", "egressLatency", port);
  const Ptp4lSetting* threshold = conf_.Find("clock_class_threshold", port);
  if (threshold && !IsPtp4lDefault(*threshold->option, threshold->value)) {
    PutWhole(into, "ptp.max_clock_class", "clock_class_threshold", port);
  }
}

void Ptp4lImporter::PutDelay(ImportDraft& into, std::optional<size_t> port) {
  const Ptp4lSetting* delay = Take("delay_mechanism", port);
  const bool p2p = IsWord(delay, "P2P");
  if (delay) {
    Put(into, "ptp.delay", {std::string(p2p ? "p2p" : "e2e")}, *delay);
  }
  PutWhole(into, "ptp.delay_interval",
           p2p ? "logMinPdelayReqInterval" : "logMinDelayReqInterval", port);
  if (!delay || p2p || IsWord(delay, "E2E")) return;
  Attend(
      *delay,
      absl::StrCat("refclockd has no delay mechanism ", Printable(delay->value),
                   "; \"e2e\" is written"),
      IsWord(delay, "Auto")
          ? "that is right unless the neighbour sends Pdelay_Req: then delay = \"p2p\""
          : absl::StrCat("delay = \"p2p\" or \"e2e\", as the network has it; or ",
                         Serves() ? "keep ptp4l" : "--role=companion"));
}

void Ptp4lImporter::PutClock(ImportDraft& into, std::optional<size_t> port) {
  const Ptp4lSetting* index = conf_.Find("phc_index", port);
  const bool outward = Serves() && Source() == "CLOCK_REALTIME";
  const std::string clock = outward ? Sink() : Source();
  if (index && ToInt(*index) >= 0) {
    taken_.insert(index);
    Put(into, "phc.device", {absl::StrCat("/dev/ptp", ToInt(*index))}, *index);
  } else if (absl::StartsWith(clock, "/") && (Serves() || !IsBoundaryClock())) {
    phc2sys_taken_.insert(outward ? 'c' : 's');
    Put(into, "phc.device", {clock},
        absl::StrCat("phc2sys ", outward ? "-c " : "-s ", Printable(clock)));
  }
  if (Serves()) {
    PutServedClock(port);
  } else if (!IsWord(conf_.Find("time_stamping", port), "software")) {
    PutSteering(into, port);
  }
}

void Ptp4lImporter::PutSteering(ImportDraft& into, std::optional<size_t> port) {
  const Ptp4lSetting* index = conf_.Find("phc_index", port);
  const Ptp4lSetting* servo = conf_.Find("clock_servo", {});
  const Ptp4lSetting* free = conf_.Find("free_running", {});
  if (free && ToInt(*free) == 1) {
    taken_.insert(free);
    Put(into, "phc.mode", {std::string("observe")}, *free);
  } else if (servo && !IsWord(servo, "pi") && !IsWord(servo, "linreg")) {
    Put(into, "phc.mode", {std::string("observe")},
        {*servo, ", which steers no clock"});
  } else if (port.value_or(0) > 0 &&
             (!IsOn("boundary_clock_jbod", port) || (index && !index->port))) {
    Put(into, "phc.mode", {std::string("observe")},
        "ports of one ptp4l have one clock: the first steers it");
  }
}

void Ptp4lImporter::PutClient(ImportDraft& into, std::optional<size_t> port) {
  PutInterface(into, port);
  PutWire(into, port);
  PutClock(into, port);
  const Ptp4lSetting* server = conf_.Find("serverOnly", port);
  if (!server || ToInt(*server) == 0) return;
  Attend(*server, "a port that is always a master: refclockd only follows",
         "role \"grandmaster\" serves, but not beside a client: --role=grandmaster, or "
         "leave this port to ptp4l");
}

void Ptp4lImporter::PutCompanion() {
  if (!IsBoundaryClock()) {
    PutInterface(file_, conf_.ports.empty() ? std::nullopt : std::optional<size_t>(0));
  }
  PutWhole(file_, "ptp.domain", "domainNumber", {});
  const std::string source = Source();
  if (absl::StartsWith(source, "/")) {
    phc2sys_taken_.insert('s');
    Put(file_, "phc.device", {source}, absl::StrCat("phc2sys -s ", Printable(source)));
  }
  const Ptp4lSetting* socket = conf_.Find("uds_address", {});
  if (const Phc2sysOption* asked = phc2sys_.Find('z')) {
    phc2sys_taken_.insert('z');
    Put(file_, "companion.socket", {asked->value},
        absl::StrCat("phc2sys ", asked->written));
    if (socket && socket->value != asked->value) {
      Attend(*socket, absl::StrCat("phc2sys asks another ptp4l: ", asked->written),
             "the file of the ptp4l that phc2sys asks");
    }
    return;
  }
  if (!socket) socket = conf_.Find("uds_ro_address", {});
  if (!socket || IsPtp4lDefault(*socket->option, socket->value)) return;
  taken_.insert(socket);
  Put(file_, "companion.socket", {socket->value}, *socket);
}

void Ptp4lImporter::PutUtc() {
  if (const Ptp4lSetting* leaps = Take("leapfile", {})) {
    Put(file_, "utc.leap_file", {leaps->value}, *leaps);
  }
  if (const Phc2sysOption* offset = phc2sys_.Find('O')) PutPin(*offset);
}

// phc2sys -O is sink minus source: minus (TAI-UTC) from a PHC on TAI, TAI-UTC to one.
void Ptp4lImporter::PutPin(const Phc2sysOption& option) {
  const bool outward = Source() == "CLOCK_REALTIME";
  if (outward && !Serves()) return;
  const int64_t offset = outward ? ToWhole(option.value) : -ToWhole(option.value);
  const int now = ReleaseLeaps().rows().back().offset;
  const std::string right = absl::StrCat(
      "nothing: refclockd takes TAI-UTC when two sources agree on it; -O ",
      outward ? now : -now, " would say what it was when this version was released");
  phc2sys_taken_.insert('O');
  const std::string origin = absl::StrCat("phc2sys ", option.written);
  if (offset < now) {
    Attend(absl::StrCat("phc2sys ", option.written),
           offset == 0 ? absl::StrCat("takes the PHC for UTC, which is ", now,
                                      " s wrong unless the master sends UTC; left out")
                       : absl::StrCat("wrong by ", now - offset, " s; left out"),
           offset == 0 && !outward
               ? absl::StrCat(right,
                              ". If the master is a ptp4l with software stamps: "
                              "utc.arbitrary_timescale = \"utc\"")
               : right);
    phc2sys_left_out_.push_back(absl::StrCat(origin, ": wrong"));
    return;
  }
  if (Put(file_, "utc.pin", {offset}, origin)) {
    Put(file_, "utc.policy", {std::string("pin")},
        "without this line and pin, two sources have to agree");
  }
}

// ---- Outputs.

// Never without an output: ours stands in for one that refclockd cannot feed.
void Ptp4lImporter::PutUnit(int64_t unit, const Origin& origin) {
  const auto put = [this](ImportDraft& into, int64_t wanted, int64_t ours,
                          const Origin& from) {
    if (Put(into, "output.shm.unit", {wanted}, from)) return;
    Put(into, "output.shm.unit", {ours}, "refclockd's default");
  };
  if (ports_.empty()) return put(file_, unit, kOurUnit, origin);
  for (size_t i = 0; i < ports_.size(); ++i) {
    const auto more = static_cast<int64_t>(i);
    put(ports_[i], unit + more, kOurUnit + more,
        i == 0 ? origin : Origin("one unit for each: ntpd or chronyd chooses"));
  }
}

bool Ptp4lImporter::PutSock(const std::string& path, const Origin& origin) {
  if (ports_.empty()) return Put(file_, "output.sock.path", {path}, origin);
  for (size_t i = 0; i < ports_.size(); ++i) {
    const std::string suffix = i == 0 ? "" : absl::StrCat(".", i + 1);
    if (!Put(ports_[i], "output.sock.path", {absl::StrCat(path, suffix)},
             i == 0 ? origin : Origin("one socket for each: chronyd chooses"))) {
      return false;
    }
  }
  return true;
}

bool Ptp4lImporter::PutOutputOfPhc2sys() {
  const Phc2sysOption* feeds = phc2sys_.Find('E');
  if (!feeds) return false;
  const std::string origin = absl::StrCat("phc2sys ", feeds->written);
  if (absl::EqualsIgnoreCase(feeds->value, "ntpshm")) {
    phc2sys_taken_.insert({'E', 'M'});
    const Phc2sysOption* segment = phc2sys_.Find('M');
    PutUnit(segment ? ToWhole(segment->value) : 0,
            absl::StrCat(origin, segment ? absl::StrCat(" ", segment->written)
                                         : " without -M, which is unit 0"));
    return true;
  }
  if (!absl::EqualsIgnoreCase(feeds->value, "refclock_sock")) return false;
  phc2sys_taken_.insert({'E', kPhc2sysSock});
  const Phc2sysOption* sock = phc2sys_.Find(kPhc2sysSock);
  return PutSock(
      sock ? sock->value : FindPtp4lOption("refclock_sock_address")->fallback, origin);
}

bool Ptp4lImporter::PutOutputOfPtp4l() {
  const Ptp4lSetting* servo = conf_.Find("clock_servo", {});
  const Ptp4lSetting* unit = conf_.Find("ntpshm_segment", {});
  const bool in_its_place = role_ != Role::kCompanion;
  if (in_its_place && IsWord(servo, "refclock_sock")) {
    taken_.insert(servo);
    const Ptp4lSetting* path = Take("refclock_sock_address", {});
    return PutSock(
        path ? path->value : FindPtp4lOption("refclock_sock_address")->fallback,
        path ? *path : *servo);
  }
  if (in_its_place && IsWord(servo, "ntpshm")) {
    taken_.insert(servo);
    if (unit) taken_.insert(unit);
    PutUnit(unit ? ToInt(*unit) : 0, unit ? *unit : *servo);
    return true;
  }
  if (!unit || ToInt(*unit) == 0 || IsWord(servo, "ntpshm")) return false;
  taken_.insert(unit);
  PutUnit(ToInt(*unit), {*unit, ", of no effect in this ptp4l"});
  return true;
}

void Ptp4lImporter::PutOutputs() {
  PutRate();
  if (PutOutputOfPhc2sys() || PutOutputOfPtp4l()) return;
  if (Serves()) {
    return PutUnit(kUnitBesideGpsd, "gpsd, which runs beside it, uses 0 to 11");
  }
  const Ptp4lSetting* unit = conf_.Find("ntpshm_segment", {});
  const bool other = IsWord(conf_.Find("clock_servo", {}), "ntpshm") && unit &&
                     ToInt(*unit) == kOurUnit;
  PutUnit(other ? kOurUnit + 1 : kOurUnit,
          other ? "refclockd's default is taken by ptp4l" : "refclockd's default");
}

void Ptp4lImporter::PutRate() {
  const Phc2sysOption* asked = phc2sys_.Find('R');
  double rate = 0;
  if (!asked || !absl::SimpleAtod(asked->value, &rate)) return;
  phc2sys_taken_.insert('R');
  constexpr double kMost = 16;
  if (rate > kMost) {
    Attend(absl::StrCat("phc2sys ", asked->written),
           absl::StrCat("refclockd publishes ", kMost, " samples a second at most, ",
                        "one for each Sync"),
           absl::StrCat("rate = ", kMost,
                        " is written; ntpd and ntpsec read one a second"));
    rate = kMost;
  }
  Put(file_, "output.rate", {rate}, absl::StrCat("phc2sys ", asked->written));
}

// Nothing in it is ptp4l's, and something is not: ours, chrony's, a program.
Imported Ptp4lImporter::NoPtp4lConf() const {
  constexpr size_t kShown = 3;
  Imported none;
  none.problems.push_back({request_.file_name, "there is no setting of ptp4l in it", "",
                           0, "a ptp4l.conf, as /etc/linuxptp/ptp4l.conf"});
  for (size_t i = 0; i < std::min(kShown, conf_.problems.size()); ++i) {
    none.problems.push_back(conf_.problems[i].error);
  }
  return none;
}

Imported Ptp4lImporter::Import() {
  if (conf_.settings.empty() && !conf_.problems.empty()) return NoPtp4lConf();
  ChooseRole();
  PutRole();
  if (role_ == Role::kCompanion) {
    PutCompanion();
    JudgeCompanion();
  } else if (Serves()) {
    PutServer();
  } else if (IsBoundaryClock()) {
    ports_.assign(std::min(conf_.ports.size(), kMostPorts), ImportDraft(true));
    if (conf_.ports.size() > kMostPorts) {
      Attend(request_.file_name,
             absl::StrCat(conf_.ports.size(), " ports are too many; the first ",
                          kMostPorts, " are written"),
             "a refclockd for the others");
    }
    for (size_t i = 0; i < ports_.size(); ++i) PutClient(ports_[i], i);
  } else {
    PutClient(file_, conf_.ports.empty() ? std::nullopt : std::optional<size_t>(0));
  }
  PutUtc();
  if (role_ != Role::kGrandmaster) PutOutputs();
  JudgePhc2sys();
  if (!request_.interface.empty() && !HasInterface(request_.interface)) {
    Attend("--interface", "the file names its interfaces itself",
           absl::StrCat("leave it away; they are ", Printable(conf_.ports[0].name),
                        IsBoundaryClock() ? ", ..." : ""));
  }
  LeaveOut();
  Imported out{Write(), false, SortedProblems()};
  out.usable = std::holds_alternative<Config>(LoadConfig({"", out.toml, {}}));
  return out;
}

Imported ImportPtp4l(const ImportRequest& request) {
  return Ptp4lImporter(request).Import();
}

}  // namespace bridge
