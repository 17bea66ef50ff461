#pragma once

#include <memory>

#include "plugin/instance.hpp"
#include "plugin/plugin_library.hpp"
#include "sdk/validator/stage.hpp"

namespace causeway::validator {

using LibraryPtr = std::shared_ptr<plugin::PluginLibrary>;
using InstancePtr = std::shared_ptr<plugin::Instance>;

/// An instance of its own; null, with the error told, if it cannot be made.
InstancePtr make_instance(Stage& stage, const LibraryPtr& library, std::uint64_t seed);
/// Drain and destroy, marked as calls.
void end_instance(Stage& stage, InstancePtr instance);

/// deinit, and out of memory; told if it stays there. Not if it has started a thread, which would then run
/// where nothing is any more: that is told instead.
void unload(Stage& stage, const LibraryPtr& library);

/// Tables: versions, sizes, the functions that a kind must have, NULL for what is not offered.
void check_tables(Stage& stage, const LibraryPtr& library);
/// Made-up questions, each asked twice: in range, within what it was given, the same answer.
void check_priority(Stage& stage, const LibraryPtr& library);
/// A made-up life, lived twice: bases, servers, answers and noise, timers.
void check_source(Stage& stage, const LibraryPtr& library);
/// The same with links and packets, at last from several threads at once.
void check_transport(Stage& stage, const LibraryPtr& library);
/// State that is exported, imported and exported again, if the plugin offers that.
void check_state(Stage& stage, const LibraryPtr& library);
/// Instances and whole libraries made and ended many times: memory, descriptors, threads, mappings.
void check_leaks(Stage& stage, const std::filesystem::path& copy);

/// The bound of a call, as the daemon has it.
inline constexpr Duration kCallBudget = std::chrono::milliseconds(50);
/// Tells what it means that the slowest call of `function` took so long.
void judge_time(Stage& stage, const char* function, Duration longest);
/// The same for all functions, by the better of two tries: other programs take their time too.
void judge_times(Stage& stage, const Slowest& first, const Slowest& second);

}  // namespace causeway::validator
