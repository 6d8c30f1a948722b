#include "bridge/config/import_ptp4l.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "bridge/config/import_draft.h"
#include "bridge/config/phc2sys_line.h"
#include "bridge/config/ptp4l_conf.h"
#include "bridge/config/ptp4l_options.h"
#include "bridge/time/release_leaps.h"

namespace bridge {
namespace {

int ToInt(const Ptp4lSetting& setting) {
  return static_cast<int>(Ptp4lNumber(*setting.option, setting.value).value_or(0));
}

bool IsWord(const Ptp4lSetting* setting, absl::string_view word) {
  return setting && absl::EqualsIgnoreCase(setting->value, word);
}

// As ptp4l and phc2sys read numbers; the parsers have let only such through.
int64_t ToWhole(absl::string_view value) {
  static const Ptp4lOption* const any = FindPtp4lOption("ntpshm_segment");
  return static_cast<int64_t>(Ptp4lNumber(*any, value).value_or(0));
}

std::string LineOf(const Ptp4lSetting& setting) {
  return absl::StrCat("line ", setting.line, ": ", setting.written,
                      setting.mended ? ", as it is meant" : "");
}

// Where a key comes from.
struct Origin {
  Origin(std::string text) : comment(std::move(text)) {}  // NOLINT: so it reads well.
  Origin(const char* text) : comment(text) {}             // NOLINT
  Origin(const Ptp4lSetting& from, absl::string_view more = "")  // NOLINT
      : comment(absl::StrCat(LineOf(from), more)), setting(&from) {}

  std::string comment;
  const Ptp4lSetting* setting = nullptr;
};

constexpr char kGoesOn[] = "ptp4l goes on doing so";
constexpr char kRefused[] = "refclockd does not do that";
constexpr int64_t kOurUnit = 2;  // The default of output.shm.unit.
// Problems stand in the order of the file, then come these.
constexpr size_t kOfPhc2sys = SIZE_MAX - 1;
constexpr size_t kOfAll = SIZE_MAX;

class Importer {
 public:
  explicit Importer(const ImportRequest& request)
      : request_(request),
        conf_(ParsePtp4lConf(request.file_name, request.text)),
        phc2sys_(ParsePhc2sysLine(request.phc2sys.value_or("phc2sys"))) {}

  Imported Import();

 private:
  // ---- What is there.
  // The one in force, which this marks as dealt with.
  const Ptp4lSetting* Take(absl::string_view name, std::optional<size_t> port);
  bool IsOn(absl::string_view name, std::optional<size_t> port) const;
  bool IsBoundaryClock() const { return conf_.ports.size() > 1; }
  std::string Source() const;  // Of phc2sys: "eth0", "/dev/ptp0"; or "".

  // ---- What kind of host this is.
  void FindMasterSigns();
  void ChooseRole();
  const Ptp4lSetting* NeedsPtp4l() const;

  // ---- Into drafts.
  bool Put(ImportDraft& into, absl::string_view key, OptionValue value, Origin origin);
  void PutWhole(ImportDraft& into, absl::string_view key, absl::string_view name,
                std::optional<size_t> port);
  void PutNanoseconds(ImportDraft& into, absl::string_view key, absl::string_view name,
                      std::optional<size_t> port);
  // Nothing if it is refclockd's default.
  void PutUnlessDefault(ImportDraft& into, absl::string_view key, OptionValue value,
                        const Ptp4lSetting& setting);
  void PutRole();
  void PutClient(ImportDraft& into, std::optional<size_t> port);
  void PutInterface(ImportDraft& into, std::optional<size_t> port);
  void PutWire(ImportDraft& into, std::optional<size_t> port);
  void PutDelay(ImportDraft& into, std::optional<size_t> port);
  void PutClock(ImportDraft& into, std::optional<size_t> port);
  void PutCompanion();
  void PutUtc();
  void PutPin(const Phc2sysOption& option);
  void PutOutputs();
  bool PutOutputOfPhc2sys();
  bool PutOutputOfPtp4l();
  void PutUnit(int64_t unit, const Origin& origin);
  bool PutSock(const std::string& path, const Origin& origin);
  void PutRate();

  // ---- What a person has to see.
  void Attend(const Ptp4lSetting& setting, std::string what, std::string right);
  void Attend(std::string where, std::string what, std::string right);
  void JudgePhc2sys();
  bool HasInterface(absl::string_view name) const;
  void JudgeSource();
  void JudgeDomains();
  void JudgeCompanion();
  void LeaveOut();
  const Ptp4lSetting* OverriddenBy(const Ptp4lSetting& setting) const;
  std::string WhyLeftOut(const Ptp4lSetting& setting);
  std::string WhyLeftOut(const Phc2sysOption& option) const;

  // ---- Out.
  Imported NoPtp4lConf() const;
  std::string Write() const;
  std::string Head() const;
  std::string WriteLeftOut() const;
  std::vector<ConfigError> SortedProblems() const;

  const ImportRequest& request_;
  Ptp4lConf conf_;
  Phc2sysLine phc2sys_;
  Role role_ = Role::kClient;
  std::string role_origin_;
  std::vector<std::string> master_signs_;  // "line 4: clockClass 6"
  bool is_master_ = false;                 // And no role was asked for.
  ImportDraft file_{false};
  std::vector<ImportDraft> ports_;  // Of several; otherwise empty.
  std::set<const Ptp4lSetting*> taken_, refused_;
  std::set<char> phc2sys_taken_;
  std::vector<std::pair<size_t, std::string>> left_out_;  // By line.
  std::vector<std::string> phc2sys_left_out_;
  std::vector<Ptp4lProblem> attentions_;
};

// ---- What is there.

const Ptp4lSetting* Importer::Take(absl::string_view name, std::optional<size_t> port) {
  const Ptp4lSetting* setting = conf_.Find(name, port);
  if (setting) taken_.insert(setting);
  return setting;
}

bool Importer::IsOn(absl::string_view name, std::optional<size_t> port) const {
  const Ptp4lSetting* setting = conf_.Find(name, port);
  return setting && ToInt(*setting) != 0;
}

std::string Importer::Source() const {
  const Phc2sysOption* source = phc2sys_.Find('s');
  if (!source) source = phc2sys_.Find('i');
  return source ? source->value : "";
}

// ---- What kind of host this is.

void Importer::FindMasterSigns() {
  const auto sign = [this](const Ptp4lSetting* setting) {
    if (setting) master_signs_.push_back(LineOf(*setting));
  };
  if (Source() == "CLOCK_REALTIME") {
    master_signs_.push_back("phc2sys -s CLOCK_REALTIME");
  }
  if (IsOn("clientOnly", {})) return;
  bool every_port = true;
  for (size_t i = 0; i < conf_.ports.size(); ++i) every_port &= IsOn("serverOnly", i);
  if (every_port && !conf_.ports.empty()) sign(conf_.Find("serverOnly", 0));
  if (conf_.ports.empty() && IsOn("serverOnly", {})) sign(conf_.Find("serverOnly", {}));
  // Better than what an ordinary clock says of itself (IEEE 1588-2019, 7.6.2.5).
  // Of a boundary clock priority1 says nothing.
  for (const char* name : {"clockClass", "priority1"}) {
    const Ptp4lSetting* setting = conf_.Find(name, {});
    if (IsBoundaryClock() && absl::string_view(name) == "priority1") continue;
    if (setting &&
        ToInt(*setting) < Ptp4lNumber(*setting->option, setting->option->fallback)) {
      sign(setting);
    }
  }
}

// The first line that refclockd could not follow.
const Ptp4lSetting* Importer::NeedsPtp4l() const {
  for (const Ptp4lSetting& setting : conf_.settings) {
    if (setting.option->Is(Ptp4lOption::kMatters) &&
        !IsPtp4lDefault(*setting.option, setting.value)) {
      return &setting;
    }
  }
  return nullptr;
}

void Importer::ChooseRole() {
  FindMasterSigns();
  if (request_.role) {
    role_ = *request_.role;
    role_origin_ = "--role";
  } else if (!master_signs_.empty()) {
    is_master_ = true;
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

bool Importer::Put(ImportDraft& into, absl::string_view key, OptionValue value,
                   Origin origin) {
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

void Importer::PutWhole(ImportDraft& into, absl::string_view key,
                        absl::string_view name, std::optional<size_t> port) {
  const Ptp4lSetting* setting = conf_.Find(name, port);
  if (setting) PutUnlessDefault(into, key, {int64_t{ToInt(*setting)}}, *setting);
}

// Signs are linuxptp's: asymmetry positive if the way from the master is longer, and
// half of the difference; latencies subtracted from receive, added to transmit stamps.
void Importer::PutNanoseconds(ImportDraft& into, absl::string_view key,
                              absl::string_view name, std::optional<size_t> port) {
  const Ptp4lSetting* setting = conf_.Find(name, port);
  if (setting) {
    PutUnlessDefault(into, key, {absl::StrCat(ToInt(*setting), "ns")}, *setting);
  }
}

void Importer::PutUnlessDefault(ImportDraft& into, absl::string_view key,
                                OptionValue value, const Ptp4lSetting& setting) {
  const Option& option = *FindOption(key);
  Config one;
  if (!option.set(value, one) && option.get(one) == option.Default()) return;
  taken_.insert(&setting);
  Put(into, key, std::move(value), setting);
}

void Importer::PutRole() {
  const Ptp4lSetting* client_only = Take("clientOnly", {});
  std::string origin = role_origin_;
  if (role_ == Role::kClient && client_only && ToInt(*client_only) == 1) {
    origin = LineOf(*client_only);
  } else if (client_only) {
    taken_.erase(client_only);
  }
  Put(file_, "role", {std::string(role_ == Role::kClient ? "client" : "companion")},
      std::move(origin));
}

void Importer::PutInterface(ImportDraft& into, std::optional<size_t> port) {
  if (port) {
    const Ptp4lPort& from = conf_.ports[*port];
    Put(into, "ptp.interface", {from.name},
        absl::StrCat("line ", from.line, ": [", from.name, "]"));
    return;
  }
  const std::string source = Source();
  if (!request_.interface.empty()) {
    Put(into, "ptp.interface", {request_.interface}, "--interface");
  } else if (!source.empty() && source[0] != '/' && source != "CLOCK_REALTIME") {
    Put(into, "ptp.interface", {source},
        absl::StrCat("phc2sys -s ", Printable(source)));
    phc2sys_taken_.insert('s');
  } else if (role_ == Role::kClient && !is_master_) {
    Attend(request_.file_name, "the file names no interface: ptp4l is told by -i",
           "--interface=eth0, or write it into [ptp]");
  }
}

void Importer::PutWire(ImportDraft& into, std::optional<size_t> port) {
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

void Importer::PutDelay(ImportDraft& into, std::optional<size_t> port) {
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
          : "delay = \"p2p\" or \"e2e\", as the network has it; or --role=companion");
}

void Importer::PutClock(ImportDraft& into, std::optional<size_t> port) {
  const Ptp4lSetting* index = conf_.Find("phc_index", port);
  const std::string source = Source();
  if (index && ToInt(*index) >= 0) {
    taken_.insert(index);
    Put(into, "phc.device", {absl::StrCat("/dev/ptp", ToInt(*index))}, *index);
  } else if (absl::StartsWith(source, "/") && !IsBoundaryClock()) {
    phc2sys_taken_.insert('s');
    Put(into, "phc.device", {source}, absl::StrCat("phc2sys -s ", Printable(source)));
  }
  if (IsWord(conf_.Find("time_stamping", port), "software")) return;
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

void Importer::PutClient(ImportDraft& into, std::optional<size_t> port) {
  PutInterface(into, port);
  PutWire(into, port);
  PutClock(into, port);
  const Ptp4lSetting* server = conf_.Find("serverOnly", port);
  if (!server || ToInt(*server) == 0) return;
  Attend(*server, "a port that is always a master: refclockd only follows",
         "the grandmaster role is not in this version: leave this port to ptp4l");
}

void Importer::PutCompanion() {
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

void Importer::PutUtc() {
  if (const Ptp4lSetting* leaps = Take("leapfile", {})) {
    Put(file_, "utc.leap_file", {leaps->value}, *leaps);
  }
  if (const Phc2sysOption* offset = phc2sys_.Find('O')) PutPin(*offset);
}

// phc2sys -O is sink minus source: of a PHC on TAI, minus (TAI-UTC).
void Importer::PutPin(const Phc2sysOption& option) {
  if (Source() == "CLOCK_REALTIME") return;
  const int64_t offset = ToWhole(option.value);
  const int now = ReleaseLeaps().rows().back().offset;
  const std::string right = absl::StrCat(
      "nothing: refclockd takes TAI-UTC when two sources agree on it; -O -", now,
      " would say what it was when this version was released");
  phc2sys_taken_.insert('O');
  const std::string origin = absl::StrCat("phc2sys ", option.written);
  if (-offset < now) {
    Attend(absl::StrCat("phc2sys ", option.written),
           offset == 0 ? absl::StrCat("takes the PHC for UTC, which is ", now,
                                      " s wrong unless the master sends UTC; left out")
                       : absl::StrCat("wrong by ", now + offset, " s; left out"),
           offset == 0
               ? absl::StrCat(right,
                              ". If the master is a ptp4l with software stamps: "
                              "utc.arbitrary_timescale = \"utc\"")
               : right);
    phc2sys_left_out_.push_back(absl::StrCat(origin, ": wrong"));
    return;
  }
  if (Put(file_, "utc.pin", {-offset}, origin)) {
    Put(file_, "utc.policy", {std::string("pin")},
        "without this line and pin, two sources have to agree");
  }
}

// ---- Outputs.

// Never without an output: ours stands in for one that refclockd cannot feed.
void Importer::PutUnit(int64_t unit, const Origin& origin) {
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

bool Importer::PutSock(const std::string& path, const Origin& origin) {
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

bool Importer::PutOutputOfPhc2sys() {
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

bool Importer::PutOutputOfPtp4l() {
  const Ptp4lSetting* servo = conf_.Find("clock_servo", {});
  const Ptp4lSetting* unit = conf_.Find("ntpshm_segment", {});
  const bool client = role_ == Role::kClient;
  if (client && IsWord(servo, "refclock_sock")) {
    taken_.insert(servo);
    const Ptp4lSetting* path = Take("refclock_sock_address", {});
    return PutSock(
        path ? path->value : FindPtp4lOption("refclock_sock_address")->fallback,
        path ? *path : *servo);
  }
  if (client && IsWord(servo, "ntpshm")) {
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

void Importer::PutOutputs() {
  PutRate();
  if (PutOutputOfPhc2sys() || PutOutputOfPtp4l()) return;
  const Ptp4lSetting* unit = conf_.Find("ntpshm_segment", {});
  const bool other = IsWord(conf_.Find("clock_servo", {}), "ntpshm") && unit &&
                     ToInt(*unit) == kOurUnit;
  PutUnit(other ? kOurUnit + 1 : kOurUnit,
          other ? "refclockd's default is taken by ptp4l" : "refclockd's default");
}

void Importer::PutRate() {
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

// ---- What a person has to see.

void Importer::Attend(const Ptp4lSetting& setting, std::string what,
                      std::string right) {
  if (is_master_) return;  // Nothing is imported that could be lost.
  attentions_.push_back(
      {setting.line,
       conf_.ErrorAt(setting.line, setting.column, std::move(what), std::move(right))});
}

void Importer::Attend(std::string where, std::string what, std::string right) {
  const bool of_phc2sys = absl::StartsWith(where, "phc2sys");
  if (of_phc2sys) where.insert(0, "--");
  attentions_.push_back({of_phc2sys ? kOfPhc2sys : kOfAll,
                         {std::move(where), std::move(what), "", 0, std::move(right)}});
}

void Importer::JudgePhc2sys() {
  if (!request_.phc2sys || !phc2sys_.problems.empty()) return;
  if (phc2sys_.Find('f')) {
    Attend("phc2sys -f", "this file has not been read",
           "give what it sets on the line, as phc2sys --ntpshm_segment=2");
  }
  JudgeDomains();
  if (is_master_) return;
  if (Source() == "CLOCK_REALTIME") {
    return Attend("phc2sys -s CLOCK_REALTIME",
                  "the system clock as the source is a grandmaster's",
                  "the grandmaster role is not in this version: not here, then");
  }
  const Phc2sysOption* feeds = phc2sys_.Find('E');
  const Phc2sysOption* sink = phc2sys_.Find('c');
  const bool to_ntp = feeds && (absl::EqualsIgnoreCase(feeds->value, "ntpshm") ||
                                absl::EqualsIgnoreCase(feeds->value, "refclock_sock"));
  if (sink && sink->value != "CLOCK_REALTIME") {
    Attend(absl::StrCat("phc2sys ", sink->written),
           "refclockd steers no clock after another",
           "keep this phc2sys if something needs that clock");
  } else if (!to_ntp) {
    Attend("phc2sys", "it steers the system clock itself",
           "stop it, and have ntpd, ntpsec or chronyd steer from what refclockd "
           "publishes");
  }
  if (phc2sys_.Count('r') > 1 && !IsOn("clientOnly", {})) {
    Attend("phc2sys -rr",
           "makes the system clock a source when this host is the master",
           "the grandmaster role is not in this version: refclockd only follows");
  }
  if (const Phc2sysOption* pps = phc2sys_.Find('d')) {
    Attend(absl::StrCat("phc2sys ", pps->written), "refclockd reads no PPS device",
           "keep this phc2sys, or do without");
  }
  JudgeSource();
}

bool Importer::HasInterface(absl::string_view name) const {
  if (conf_.ports.empty()) return name == request_.interface;
  return std::any_of(conf_.ports.begin(), conf_.ports.end(),
                     [&](const Ptp4lPort& port) { return port.name == name; });
}

// phc2sys has to read the clock that ptp4l steers.
void Importer::JudgeSource() {
  const std::string source = Source();
  if (source.empty() || source[0] == '/' || phc2sys_taken_.count('s')) return;
  if (HasInterface(source)) return;
  Attend(absl::StrCat("phc2sys -s ", Printable(source)),
         "ptp4l does not follow at that interface", "the one that ptp4l follows at");
}

// phc2sys -a and -w ask ptp4l, which answers only those of its domain.
void Importer::JudgeDomains() {
  if (!phc2sys_.Find('a') && !phc2sys_.Find('w')) return;
  const Ptp4lSetting* domain = conf_.Find("domainNumber", {});
  const Phc2sysOption* asked = phc2sys_.Find('n');
  const int theirs = domain ? ToInt(*domain) : 0;
  const int64_t ours = asked ? ToWhole(asked->value) : 0;
  if (theirs == ours) {
    phc2sys_taken_.insert('n');
    return;
  }
  Attend("phc2sys",
         absl::StrCat("it asks domain ", ours, ", but ptp4l is of domain ", theirs,
                      " and never answers it"),
         absl::StrCat("-n ", theirs, "; domain = ", theirs, " is written"));
}

void Importer::JudgeCompanion() {
  const Ptp4lSetting* servo = conf_.Find("clock_servo", {});
  const bool software = IsWord(conf_.Find("time_stamping", {}), "software");
  if (!master_signs_.empty()) {
    Attend(request_.file_name,
           absl::StrCat("this is a grandmaster: ", absl::StrJoin(master_signs_, "; ")),
           "a companion publishes only while ptp4l is a SLAVE");
  }
  if (IsWord(servo, "ntpshm") || IsWord(servo, "refclock_sock")) {
    Attend(*servo, "this ptp4l feeds the NTP daemon itself, unchecked",
           "free_running 1 in place of it; or --role=client and no ptp4l");
  } else if (software && !IsOn("free_running", {})) {
    Attend(*conf_.Find("time_stamping", {}),
           "this ptp4l steers the system clock itself",
           "free_running 1, and an NTP daemon that steers it");
  }
}

// Null: it is in force somewhere.
const Ptp4lSetting* Importer::OverriddenBy(const Ptp4lSetting& setting) const {
  const char* name = setting.option->name;
  const Ptp4lSetting* found = conf_.Find(name, setting.port);
  if (found != &setting) return found;
  if (setting.port || conf_.ports.empty()) return nullptr;
  for (size_t i = 0; i < conf_.ports.size(); ++i) {
    found = conf_.Find(name, i);
    if (found == &setting) return nullptr;
  }
  return found;
}

std::string Importer::WhyLeftOut(const Ptp4lSetting& setting) {
  const Ptp4lOption& option = *setting.option;
  const absl::string_view name = option.name;
  if (const Ptp4lSetting* other = OverriddenBy(setting)) {
    return absl::StrCat("overridden by line ", other->line);
  }
  if (refused_.count(&setting)) return kRefused;
  if (role_ == Role::kCompanion) return kGoesOn;
  if (option.why) {
    const bool missed = option.Is(Ptp4lOption::kMatters);
    if (IsPtp4lDefault(option, setting.value)) return "ptp4l's default";
    if (missed) {
      Attend(setting, absl::StrCat("no counterpart, and it matters: ", option.why),
             "make sure that the network needs none of it; or --role=companion");
    }
    return option.why;
  }
  if (name == "clientOnly" || name == "serverOnly")
    return "refclockd is never a master";
  if (name == "ntpshm_segment" || name == "refclock_sock_address") {
    return "of no effect without the clock_servo for it";
  }
  if (name == "clock_servo") return "servo: refclockd has its own";
  if (absl::StartsWith(name, "uds_")) return "only a companion asks ptp4l";
  const bool other_mechanism =
      (name == "logMinPdelayReqInterval") !=
      IsWord(conf_.Find("delay_mechanism", setting.port), "P2P");
  if (absl::StartsWith(name, "logMin") && other_mechanism)
    return "of no effect with this delay_mechanism";
  if (name == "boundary_clock_jbod") return "no counterpart";
  if (IsPtp4lDefault(option, setting.value)) return "the default, here and there";
  return "refclockd's default";
}

std::string Importer::WhyLeftOut(const Phc2sysOption& option) const {
  if (option.why) return option.why;
  switch (option.letter) {
    case 'a':
      return "refclockd finds its clocks by itself";
    case 'r':
      return "the NTP daemon steers the system clock";
    case 's':
    case 'i':
      return Source() == "CLOCK_REALTIME"
                 ? "a grandmaster's"
                 : "refclockd finds the clock of its interface";
    case 'c':
      return option.value == "CLOCK_REALTIME" ? "the NTP daemon steers the system clock"
                                              : "no counterpart";
    case 'E':
      return "servo: refclockd steers no system clock";
    case 'M':
      return "of no effect without -E ntpshm";
    case 'n':
      return "as ptp4l's domain, or of no effect without -a or -w";
    case 'z':
      return "only a companion asks ptp4l";
    default:
      return "no counterpart";
  }
}

void Importer::LeaveOut() {
  for (const Ptp4lSetting& setting : conf_.settings) {
    if (taken_.count(&setting)) continue;
    std::string why = WhyLeftOut(setting);
    left_out_.emplace_back(setting.line, absl::StrCat(LineOf(setting), ": ", why));
  }
  for (const Ptp4lOther& other : conf_.others) {
    left_out_.emplace_back(
        other.line,
        absl::StrCat("line ", other.line, ": ", other.written, ": ",
                     role_ == Role::kCompanion && !absl::StartsWith(other.why, "wrong")
                         ? kGoesOn
                         : other.why));
  }
  std::sort(left_out_.begin(), left_out_.end());
  if (!request_.phc2sys) return;
  for (const Phc2sysOption& option : phc2sys_.options) {
    if (phc2sys_taken_.count(option.letter)) continue;
    std::string why =
        absl::StrCat("phc2sys ", option.written, ": ", WhyLeftOut(option));
    // -rr is one thing.
    if (phc2sys_left_out_.empty() || phc2sys_left_out_.back() != why) {
      phc2sys_left_out_.push_back(std::move(why));
    }
  }
}

// ---- Out.

std::string Importer::Head() const {
  std::string text =
      absl::StrCat("# Made by refclockctl import from ", Printable(request_.file_name));
  if (request_.phc2sys) {
    absl::StrAppend(&text, "\n# and ", Printable(*request_.phc2sys));
  }
  absl::StrAppend(&text, "\n#\n");
  if (is_master_) {
    return absl::StrCat(text,
                        "# This is a grandmaster: ", absl::StrJoin(master_signs_, "; "),
                        ".\n# The grandmaster role is not in this version: keep ptp4l "
                        "and phc2sys there. What\n"
                        "# follows is for reference, as comments; --role=client makes "
                        "a client of it.\n\n");
  }
  return absl::StrCat(
      text, role_ == Role::kClient
                ? "# A client: it takes the place of ptp4l and phc2sys, so stop both "
                  "before it "
                  "starts.\n# (--role=companion is for a ptp4l that stays.)\n\n"
                : "# A companion: ptp4l stays as it is, this takes the place of "
                  "phc2sys, so stop "
                  "that.\n# (--role=client is for giving up ptp4l too.)\n\n");
}

std::string Importer::WriteLeftOut() const {
  std::string text;
  if (!left_out_.empty() || !phc2sys_left_out_.empty()) text += "\n# Left out:\n";
  for (const auto& [line, what] : left_out_) {
    absl::StrAppend(&text, "#   ", what, "\n");
  }
  for (const std::string& what : phc2sys_left_out_) {
    absl::StrAppend(&text, "#   ", what, "\n");
  }
  std::vector<std::string> newer;
  const Ptp4lOption* said = nullptr;
  for (const auto& [what, index] : conf_.last) {
    const Ptp4lSetting& setting = conf_.settings[index];
    if (setting.option->Is(Ptp4lOption::kSince4) && setting.option != said &&
        absl::StartsWith(setting.written, setting.option->name)) {
      newer.push_back(absl::StrCat(setting.option->name, " (line ", setting.line, ")"));
      said = setting.option;
    }
  }
  if (!newer.empty()) {
    absl::StrAppend(&text, "#\n# ptp4l 3.1.1 refuses this file: it does not know ",
                    absl::StrJoin(newer, ", "), ".\n");
  }
  return text;
}

std::string Importer::Write() const {
  std::string text = Head();
  absl::StrAppend(&text, file_.ToString(is_master_));
  for (const ImportDraft& port : ports_)
    absl::StrAppend(&text, port.ToString(is_master_));
  return absl::StrCat(text, WriteLeftOut());
}

std::vector<ConfigError> Importer::SortedProblems() const {
  std::vector<Ptp4lProblem> all = attentions_;
  all.insert(all.end(), conf_.problems.begin(), conf_.problems.end());
  for (const ConfigError& problem : phc2sys_.problems) {
    all.push_back({kOfPhc2sys, problem});
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const auto& a, const auto& b) { return a.line < b.line; });
  std::vector<ConfigError> sorted;
  for (Ptp4lProblem& problem : all) sorted.push_back(std::move(problem.error));
  return sorted;
}

// Nothing in it is ptp4l's, and something is not: ours, chrony's, a program.
Imported Importer::NoPtp4lConf() const {
  constexpr size_t kShown = 3;
  Imported none;
  none.problems.push_back({request_.file_name, "there is no setting of ptp4l in it", "",
                           0, "a ptp4l.conf, as /etc/linuxptp/ptp4l.conf"});
  for (size_t i = 0; i < std::min(kShown, conf_.problems.size()); ++i) {
    none.problems.push_back(conf_.problems[i].error);
  }
  return none;
}

Imported Importer::Import() {
  if (conf_.settings.empty() && !conf_.problems.empty()) return NoPtp4lConf();
  ChooseRole();
  PutRole();
  if (role_ == Role::kCompanion) {
    PutCompanion();
    JudgeCompanion();
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
  PutOutputs();
  JudgePhc2sys();
  if (!request_.interface.empty() && !HasInterface(request_.interface)) {
    Attend("--interface", "the file names its interfaces itself",
           absl::StrCat("leave it away; they are ", Printable(conf_.ports[0].name),
                        IsBoundaryClock() ? ", ..." : ""));
  }
  LeaveOut();
  if (is_master_) {
    Attend(request_.file_name,
           absl::StrCat("this is a grandmaster: ", absl::StrJoin(master_signs_, "; ")),
           "the grandmaster role is not in this version; --role=client makes a client "
           "of that network");
  }
  Imported out{Write(), false, SortedProblems()};
  out.usable = std::holds_alternative<Config>(LoadConfig({"", out.toml, {}}));
  return out;
}

}  // namespace

Imported ImportPtp4l(const ImportRequest& request) {
  return Importer(request).Import();
}

}  // namespace bridge
