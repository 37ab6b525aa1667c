/* The weights, as bytes of the image. */
  .syntax unified
  .section .weights, "a"
  .balign 64
  .global encoder_weights_start, encoder_weights_end, decoder_weights_start, decoder_weights_end
encoder_weights_start:
  .incbin "encoder.weights"
encoder_weights_end:
  .balign 64
decoder_weights_start:
  .incbin "decoder.weights"
decoder_weights_end:
