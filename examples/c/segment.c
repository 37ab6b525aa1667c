/*
 * Segments a picture with a compiled small SAM, in C:  segment <folder of the package>
 *
 * The folder holds encoder.weights and decoder.weights. Prints the hash of each output, and how sure the model is of each mask.
 */
#include <stdio.h>
#include <stdlib.h>

#include "decoder.h"
#include "encoder.h"
#include "scene.h"

static void *allocate(size_t bytes) {
  void *block = aligned_alloc(64, (bytes + 63) / 64 * 64);
  if (!block) {
    fprintf(stderr, "segment: no memory for %zu bytes\n", bytes);
    exit(1);
  }
  return block;
}

static void *read_file(const char *folder, const char *name, size_t *bytes) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *file = fopen(path, "rb");
  long size = file && fseek(file, 0, SEEK_END) == 0 ? ftell(file) : -1;
  if (size < 0) {
    fprintf(stderr, "segment: %s cannot be read\n", path);
    exit(1);
  }
  rewind(file);
  *bytes = (size_t)size;
  void *content = allocate(*bytes);
  if (fread(content, 1, *bytes, file) != *bytes) exit(1);
  fclose(file);
  return content;
}

static void check(int status, const char *text) {
  if (status == SQ_OK) return;
  fprintf(stderr, "segment: %s\n", text);
  exit(1);
}

static float *output(const int64_t *dims, int rank, size_t *bytes) {
  *bytes = sizeof(float);
  for (int i = 0; i < rank; i++) *bytes *= (size_t)dims[i];
  return (float *)allocate(*bytes);
}

static void print_hash(const char *name, const void *data, size_t bytes) {
  char text[17];
  scene_hex(scene_hash(data, bytes), text);
  printf("%s %s\n", name, text);
}

int main(int argc, char **argv) {
  if (argc != 2) {
    fputs("usage: segment <folder of the package>\n", stderr);
    return 2;
  }
  size_t encoder_bytes, decoder_bytes, embeddings_bytes, masks_bytes, iou_bytes, low_bytes;
  void *encoder_weights = read_file(argv[1], "encoder.weights", &encoder_bytes);
  void *decoder_weights = read_file(argv[1], "decoder.weights", &decoder_bytes);
  /* The models run one after the other: one arena is enough. */
  size_t arena_bytes = encoder_arena_bytes() > decoder_arena_bytes() ? encoder_arena_bytes() : decoder_arena_bytes();
  void *arena = allocate(arena_bytes);

  encoder image_model = {0};
  check(encoder_init(&image_model, encoder_weights, encoder_bytes, arena, arena_bytes), "the encoder does not start");
  float *image = (float *)allocate(sizeof(float) * 3 * SCENE_SIDE * SCENE_SIDE);
  scene_picture(image);
  encoder_inputs picture = {image};
  encoder_outputs features = {0};
  check(encoder_output_dims(&picture, &features), "the encoder's shapes");
  features.image_embeddings = output(features.image_embeddings_dims, 4, &embeddings_bytes);
  check(encoder_run(&image_model, &picture, &features), "the encoder does not run");

  decoder mask_model = {0};
  check(decoder_init(&mask_model, decoder_weights, decoder_bytes, arena, arena_bytes), "the decoder does not start");
  float points[4] = {150, 80, 0, 0}, labels[2] = {1, -1}, no_mask[SCENE_MASK * SCENE_MASK] = {0}, has_mask = 0;
  float size[2] = {SCENE_HEIGHT, SCENE_WIDTH};
  decoder_inputs prompt = {.image_embeddings = features.image_embeddings, .point_coords = points, .point_labels = labels,
                           .mask_input = no_mask, .has_mask_input = &has_mask, .orig_im_size = size, .num_points = 2};
  decoder_outputs result = {0};
  check(decoder_output_dims(&prompt, &result), "the decoder's shapes");
  result.masks = output(result.masks_dims, 4, &masks_bytes);
  result.iou_predictions = output(result.iou_predictions_dims, 2, &iou_bytes);
  result.low_res_masks = output(result.low_res_masks_dims, 4, &low_bytes);
  check(decoder_run(&mask_model, &prompt, &result), "the decoder does not run");

  print_hash("image_embeddings", features.image_embeddings, embeddings_bytes);
  print_hash("masks", result.masks, masks_bytes);
  print_hash("iou_predictions", result.iou_predictions, iou_bytes);
  print_hash("low_res_masks", result.low_res_masks, low_bytes);
  for (int64_t i = 0; i < result.iou_predictions_dims[1]; i++) printf("mask %d: iou %.3f\n", (int)i, (double)result.iou_predictions[i]);
  free(encoder_weights), free(decoder_weights), free(arena), free(image), free(features.image_embeddings);
  free(result.masks), free(result.iou_predictions), free(result.low_res_masks);
  return 0;
}
