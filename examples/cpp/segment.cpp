// Segments a picture with a compiled small SAM, in C++ with threads of its own:  segment <folder of the package>
#include <atomic>
#include <cstdio>
#include <fstream>
#include <memory>
#include <numeric>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "decoder.h"
#include "encoder.h"
#include "scene.h"

namespace {

constexpr int64_t workers = 2;

// Bytes at a multiple of 64, as weights like to lie.
struct Lines {
  explicit Lines(size_t bytes) : size(bytes), storage(bytes / 64 + 2) {}
  unsigned char *data() {
    return reinterpret_cast<unsigned char *>((reinterpret_cast<uintptr_t>(storage.data()) + 63) & ~uintptr_t{63});
  }
  size_t size;

 private:
  struct Line {
    unsigned char bytes[64];
  };
  std::vector<Line> storage;
};

Lines read_file(const std::string &path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) throw std::runtime_error(path + " cannot be read");
  Lines content(static_cast<size_t>(file.tellg()));
  file.seekg(0);
  file.read(reinterpret_cast<char *>(content.data()), static_cast<std::streamsize>(content.size));
  return content;
}

// sq_parallel_for: workers take units from a counter.
void parallel_for(void *, sq_task task, const void *args, int64_t units) {
  std::atomic<int64_t> next{0};
  auto work = [&](int64_t worker) {
    for (int64_t unit = next++; unit < units; unit = next++) task(args, unit, unit + 1, worker);
  };
  std::thread second(work, 1);
  work(0);
  second.join();
}

void check(int status, const char *text) {
  if (status != SQ_OK) throw std::runtime_error(text);
}

template <size_t Rank>
std::vector<float> buffer(const int64_t (&dims)[Rank]) {
  return std::vector<float>(
      static_cast<size_t>(std::accumulate(std::begin(dims), std::end(dims), int64_t{1}, std::multiplies<int64_t>())));
}

void print_hash(const char *name, const std::vector<float> &values) {
  char text[17];
  scene_hex(scene_hash(values.data(), values.size() * sizeof(float)), text);
  std::printf("%s %s\n", name, text);
}

void segment(const std::string &folder) {
  Lines encoder_weights = read_file(folder + "/encoder.weights"), decoder_weights = read_file(folder + "/decoder.weights");
  Lines encoder_arena(encoder_arena_bytes_for(workers)), decoder_arena(decoder_arena_bytes_for(workers));

  encoder image_model{};
  check(encoder_init(&image_model, encoder_weights.data(), encoder_weights.size, encoder_arena.data(), encoder_arena.size),
        "the encoder does not start");
  check(encoder_set_parallel(&image_model, parallel_for, nullptr, workers), "the encoder takes no threads");
  std::vector<float> image(3 * SCENE_SIDE * SCENE_SIDE);
  scene_picture(image.data());
  encoder_inputs picture{};
  picture.image = image.data();
  encoder_outputs features{};
  check(encoder_output_dims(&picture, &features), "the encoder's shapes");
  std::vector<float> embeddings = buffer(features.image_embeddings_dims);
  features.image_embeddings = embeddings.data();
  check(encoder_run(&image_model, &picture, &features), "the encoder does not run");

  decoder mask_model{};
  check(decoder_init(&mask_model, decoder_weights.data(), decoder_weights.size, decoder_arena.data(), decoder_arena.size),
        "the decoder does not start");
  check(decoder_set_parallel(&mask_model, parallel_for, nullptr, workers), "the decoder takes no threads");
  const std::vector<float> points{150, 80, 0, 0}, labels{1, -1}, no_mask(SCENE_MASK * SCENE_MASK), has_mask{0};
  const std::vector<float> size{SCENE_HEIGHT, SCENE_WIDTH};
  decoder_inputs prompt{};
  prompt.image_embeddings = embeddings.data();
  prompt.point_coords = points.data();
  prompt.point_labels = labels.data();
  prompt.mask_input = no_mask.data();
  prompt.has_mask_input = has_mask.data();
  prompt.orig_im_size = size.data();
  prompt.num_points = 2;
  decoder_outputs result{};
  check(decoder_output_dims(&prompt, &result), "the decoder's shapes");
  std::vector<float> masks = buffer(result.masks_dims), iou = buffer(result.iou_predictions_dims);
  std::vector<float> low = buffer(result.low_res_masks_dims);
  result.masks = masks.data();
  result.iou_predictions = iou.data();
  result.low_res_masks = low.data();
  check(decoder_run(&mask_model, &prompt, &result), "the decoder does not run");

  print_hash("image_embeddings", embeddings);
  print_hash("masks", masks);
  print_hash("iou_predictions", iou);
  print_hash("low_res_masks", low);
  for (size_t i = 0; i < iou.size(); i++) std::printf("mask %zu: iou %.3f\n", i, static_cast<double>(iou[i]));
}

}  // namespace

int main(int argc, char **argv) {
  if (argc != 2) {
    std::fputs("usage: segment <folder of the package>\n", stderr);
    return 2;
  }
  try {
    segment(argv[1]);
  } catch (const std::exception &error) {
    std::fprintf(stderr, "segment: %s\n", error.what());
    return 1;
  }
  return 0;
}
