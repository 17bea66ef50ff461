#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "plugin/instance.hpp"
#include "sdk/validator/guarded.hpp"
#include "sdk/validator/random.hpp"
#include "sdk/validator/stage.hpp"

namespace causeway::validator {

/// What the made-up lives of sources and transports have in common: virtual time, timers, memory with ends,
/// and a record of everything the plugin asked for, by which two lives are compared.
class MadeUpLife {
 public:
  /// `extra`: bytes that a later version would have appended to each struct.
  MadeUpLife(Stage& stage, plugin::Instance& instance, std::uint64_t seed, std::uint32_t extra);
  MadeUpLife(const MadeUpLife&) = delete;
  MadeUpLife& operator=(const MadeUpLife&) = delete;
  virtual ~MadeUpLife() = default;

  const std::string& record() const { return record_; }
  bool has_failed() const { return has_failed_; }

 protected:
  struct Base {
    std::uint32_t id = 0;
    std::string address, interface_name;
  };

  /// One call on the plugin thread: at the present moment, timed, its wishes carried out, a failure told.
  void call(const char* function, const std::string& detail, const std::function<cw_status()>& call);
  /// Lets time pass; timers that are due meanwhile fire.
  void advance(Duration by);
  virtual cw_status fire(std::uint32_t timer) = 0;
  /// What is asked for beside timers.
  virtual void carry_out(plugin::Request& request) = 0;

  void write_down(const std::string& line) { record_ += line + "\n"; }
  /// Borrowed until the next call.
  cw_string text(const std::string& of);
  const std::uint8_t* bytes(ByteView of);
  const cw_address* address(const cw_address& of);
  cw_array bases(const std::vector<Base>& of);
  std::vector<Base> make_bases();
  bool knows(std::uint32_t base) const;

  Stage& stage_;
  plugin::Instance& instance_;
  Random random_;
  SteadyTime now_{std::chrono::hours(1)};
  std::vector<Base> present_;

 private:
  Now moment() const;
  void begin();
  void take();

  std::uint32_t extra_;
  std::map<std::uint32_t, SteadyTime> timers_;
  std::string record_;
  std::uint32_t last_base_ = 0;
  bool has_failed_ = false;
  Guarded bytes_{"the bytes of a message", 70'000};
  Guarded arguments_{"an argument", 64 * 1024};
  Guarded text_{"a text (texts have a size, and no zero behind them)", 16 * 1024};
};

/// Something like what a server would answer to `sent`, or like what an attacker would: never to be trusted.
Bytes make_answer(Random& random, ByteView sent);

}  // namespace causeway::validator
